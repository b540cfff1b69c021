import { execFile } from "node:child_process"
import { existsSync, rmSync, writeFileSync } from "node:fs"
import { promisify } from "node:util"
import { CliError } from "../../cli-error.ts"
import { findExecutable } from "./find-executable.ts"

const run = promisify(execFile)

const POLICY = "/usr/sbin/policy-rc.d"
const BY_HAND =
  "Cannot find redis-server or valkey-server. Install one (Debian, Ubuntu: sudo apt-get install redis-server; macOS: brew install redis), or set REDIS_URL to a Redis of yours."

export type Installer = "apt" | "brew"
export type Surroundings = { isRoot: boolean; hasApt: boolean; hasBrew: boolean }

export function lookAround(): Surroundings {
  return {
    isRoot: process.getuid?.() === 0,
    hasApt: findExecutable(["apt-get"]) !== null,
    hasBrew: findExecutable(["brew"]) !== null,
  }
}

/** How to install Redis without a password prompt; throws with instructions if that is not possible. */
export function chooseInstaller({ isRoot, hasApt, hasBrew }: Surroundings): Installer {
  if (hasApt && isRoot) return "apt"
  if (hasBrew && !isRoot) return "brew"
  throw new CliError(BY_HAND)
}

export async function installRedis(installer: Installer, signal: AbortSignal): Promise<void> {
  try {
    await (installer === "apt" ? installByApt(signal) : run("brew", ["install", "redis"], { signal }))
  } catch (error) {
    if (signal.aborted) throw error
    const output = error instanceof Error && "stderr" in error ? String(error.stderr).trim().split("\n").slice(-5) : []
    throw new CliError([`Cannot install Redis with ${installer}.`, ...output, BY_HAND].join("\n    "), { cause: error })
  }
}

async function installByApt(signal: AbortSignal): Promise<void> {
  const options = { signal, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }, maxBuffer: 2 ** 26 }
  await run("apt-get", ["update", "-q"], options)
  await withoutServices(() =>
    run("apt-get", ["install", "-y", "-q", "--no-install-recommends", "redis-server"], options),
  )
}

/** Debian's package would start a system-wide Redis. `policy-rc.d` with exit code 101 prevents that. */
async function withoutServices(install: () => Promise<unknown>): Promise<void> {
  const ours = !existsSync(POLICY)
  if (ours) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 })
  try {
    await install()
  } finally {
    if (ours) rmSync(POLICY, { force: true })
  }
  if (!existsSync("/run/systemd/system")) return
  // A unit that cannot be disabled is no reason to go without Redis.
  await run("systemctl", ["disable", "redis-server.service"]).catch(() => undefined)
}
