import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { CliError } from "../../cli-error.ts"
import { findExecutable } from "./find-executable.ts"
import { chooseInstaller, installRedis, lookAround } from "./install-redis.ts"

export type RedisProgram = { path: string; title: string }

const NAMES = ["redis-server", "valkey-server"] as const
/** Where the packages put it, for a PATH that is shorter than that. */
const USUAL_FOLDERS = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]

/** The Redis (or Valkey) to run; installs it where that can be done without asking. `onInstall` tells that it takes a while. */
export async function findRedis(onInstall: (how: string) => void, signal: AbortSignal): Promise<RedisProgram> {
  const found = findExecutable(NAMES)
  if (found !== null) return describeRedis(found)
  const installer = chooseInstaller(lookAround())
  onInstall(installer === "apt" ? "apt-get update, then apt-get install redis-server" : "brew install redis")
  await installRedis(installer, signal)
  const installed = findExecutable(NAMES, [process.env.PATH, ...USUAL_FOLDERS].join(":"))
  if (installed === null) throw new CliError("Redis was installed, but redis-server is not on the PATH")
  return describeRedis(installed)
}

/** "Redis server v=7.0.15 sha=…" or "Valkey server v=8.1.0 sha=…" */
export function parseRedisVersion(output: string): string {
  const [, product, version] = /(\w+) server v=(\S+)/.exec(output) ?? []
  return product === undefined ? "Redis" : `${product} ${version}`
}

async function describeRedis(path: string): Promise<RedisProgram> {
  const { stdout } = await promisify(execFile)(path, ["--version"])
  return { path, title: parseRedisVersion(stdout) }
}
