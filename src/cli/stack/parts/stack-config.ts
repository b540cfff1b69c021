import { join, resolve } from "node:path"
import { isRedisUrl } from "../../../lib/redis/redis-url.ts"
import { CliError, EXIT } from "../../cli-error.ts"
import { isInstalled, modelsFolder, packageRoot, projectFolder } from "../../package-root.ts"
import type { PortWish } from "./choose-port.ts"

export type EdgeRuntime = "workerd" | "node"

/** Where the queue is: a REST endpoint as it stands, a Redis of the user's behind our gateway, or both made here. */
export type Queue =
  | { kind: "rest"; url: string; token: string }
  | { kind: "redis-url"; url: string }
  | { kind: "private-redis" }

export type StackConfig = {
  /** The package's folder: dist, wrangler.toml, models. */
  root: string
  /** The working directory of the parts: a clone, or the user's project. */
  cwd: string
  /** What a run keeps: secrets, Redis data, workerd's configuration. */
  home: string
  queue: Queue
  edgeRuntime: EdgeRuntime
  /** Whether a debugger may connect to the edge. */
  inspect: boolean
  ports: { redis: PortWish; gateway: PortWish; health: PortWish; edge: PortWish; inspector: PortWish }
  env: NodeJS.ProcessEnv
}

export type StackOptions = { edge: EdgeRuntime; inspect?: boolean | undefined }

export function readStackConfig(
  env: NodeJS.ProcessEnv,
  root: string,
  { edge: edgeRuntime, inspect = false }: StackOptions,
): StackConfig {
  return {
    root,
    cwd: projectFolder(root),
    home: findHome(env, root),
    queue: readQueue(env),
    edgeRuntime,
    inspect,
    ports: {
      redis: readPort(env, "REDIS_PORT", 6390),
      gateway: readPort(env, "GATEWAY_PORT", 8079),
      health: readPort(env, "HEALTH_PORT", 8788),
      edge: readPort(env, "PORT", 8787),
      inspector: readPort(env, "INSPECTOR_PORT", 9229),
    },
    env: isInstalled(root) ? { ...env, CLAIMCHECK_MODELS: withOwnModels(env) } : env,
  }
}

/** The project's models come before those that the environment names; the package's own are served anyway. */
const withOwnModels = ({ CLAIMCHECK_MODELS: given }: NodeJS.ProcessEnv) =>
  [modelsFolder(), given].filter(Boolean).join(":")

/** Where a stack on this machine keeps what it has to keep. */
export function findHome(env: NodeJS.ProcessEnv, root = packageRoot()): string {
  return resolve(env.CLAIMCHECK_HOME || join(projectFolder(root), ".claimcheck"))
}

function readQueue(env: NodeJS.ProcessEnv): Queue {
  if (env.REDIS_URL) return { kind: "redis-url", url: readRedisUrl(env.REDIS_URL) }
  const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = env
  if (!url) return { kind: "private-redis" }
  if (!token) {
    throw new CliError("Cannot use UPSTASH_REDIS_REST_URL without UPSTASH_REDIS_REST_TOKEN: set both, or neither", {
      exitCode: EXIT.usage,
    })
  }
  return { kind: "rest", url, token }
}

export function readRedisUrl(value: string): string {
  if (isRedisUrl(value)) return value
  // The value may hold a password: name the variable only.
  throw new CliError("Cannot read REDIS_URL: expected redis://[user:password@]host[:port][/database]", {
    exitCode: EXIT.usage,
  })
}

function readPort(env: NodeJS.ProcessEnv, name: string, fallback: number): PortWish {
  const value = env[name]
  if (value === undefined || value === "") return { name, port: fallback, fixed: false }
  const port = Number(value)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return { name, port, fixed: true }
  throw new CliError(`Cannot read ${name}: expected a port from 1 to 65535`, { exitCode: EXIT.usage })
}
