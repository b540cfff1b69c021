import { type ChildProcess, execFile, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { readdir, readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { freePorts } from "../free-ports.ts"

const MAIN = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url))
const PORTS = ["PORT", "GATEWAY_PORT", "HEALTH_PORT", "REDIS_PORT", "INSPECTOR_PORT"] as const

export type Stack = {
  pid: number
  url: string
  home: string
  env: NodeJS.ProcessEnv
  output: () => string
  /** Resolves with the text matched, once the output has it. */
  printed: (pattern: RegExp) => Promise<string>
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Its private Redis, with the password that it has made. */
  redisUrl: () => string
  /** The process group of a part, as the stack itself has noted it. */
  groupOf: (name: string) => number
  /** Ends it however it stands, for the end of a test. */
  dispose: () => Promise<void>
}

/** Starts the real stack, built, on free ports and in a folder of its own. */
export async function startStack(args: readonly string[] = [], given: NodeJS.ProcessEnv = {}): Promise<Stack> {
  const home = given.CLAIMCHECK_HOME ?? mkdtempSync(join(tmpdir(), "claimcheck-e2e-"))
  const ports = await freePorts(PORTS.length)
  const own = Object.fromEntries(PORTS.map((name, index) => [name, String(ports[index])]))
  const env: NodeJS.ProcessEnv = { ...withoutOurs(process.env), ...own, CLAIMCHECK_HOME: home, ...given }
  const child = spawn(process.execPath, [MAIN, "start", ...args], { env, stdio: ["ignore", "pipe", "pipe"] })
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += String(data)))
  const exited = new Promise<Awaited<Stack["exited"]>>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }))
  })
  let gone = false
  void exited.then(() => {
    gone = true
  })
  return {
    pid: child.pid ?? 0,
    url: `http://localhost:${env.PORT}`,
    home,
    env,
    output: () => output,
    printed: async (pattern) => {
      for (;;) {
        const found = pattern.exec(output)?.[0]
        if (found !== undefined) return found
        if (gone) throw new Error(`The stack ended without printing ${pattern}:\n${output}`)
        await delay(50)
      }
    },
    exited,
    redisUrl: () => {
      const { redisPassword } = JSON.parse(readFileSync(join(home, "secrets.json"), "utf8")) as {
        redisPassword: string
      }
      return `redis://:${redisPassword}@127.0.0.1:${env.REDIS_PORT}`
    },
    groupOf: (name) => {
      const run = JSON.parse(readFileSync(join(home, "run.json"), "utf8")) as {
        groups: { name: string; pgid: number }[]
      }
      return run.groups.findLast((group) => group.name === name)?.pgid ?? 0
    },
    dispose: async () => {
      child.kill("SIGTERM")
      await exited
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** Runs another command of the CLI against the stack. `whileRunning` may signal it. */
export async function runCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  whileRunning: (child: ChildProcess) => void = () => undefined,
  input: Uint8Array = new Uint8Array(),
) {
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: "pipe" })
  // Most commands end without reading it.
  child.stdin.on("error", () => undefined)
  child.stdin.end(input)
  let stdout = ""
  let stderr = ""
  child.stdout.on("data", (data) => (stdout += String(data)))
  child.stderr.on("data", (data) => (stderr += String(data)))
  whileRunning(child)
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, stdout, stderr }
}

/** Every process that was started with this CLAIMCHECK_HOME, whatever its parent or group; zombies do not run. */
export async function processesOf(home: string): Promise<string[]> {
  const marker = `CLAIMCHECK_HOME=${home}`
  if (process.platform !== "linux") {
    const { stdout } = await promisify(execFile)("ps", ["-A", "-E", "-ww", "-o", "pid=,command="], {
      maxBuffer: 2 ** 24,
    })
    return stdout.split("\n").filter((line) => line.includes(marker))
  }
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(pids.map((pid) => commandIfMarked(pid, marker)))
  return found.filter((command) => command !== null)
}

async function commandIfMarked(pid: string, marker: string): Promise<string | null> {
  try {
    const environment = await readFile(`/proc/${pid}/environ`, "latin1")
    if (!environment.split("\0").includes(marker)) return null
    return `${pid} ${(await readFile(`/proc/${pid}/cmdline`, "latin1")).replaceAll("\0", " ")}`
  } catch {
    // It ended while we looked, or is the kernel's own.
    return null
  }
}

/** What configures a stack must come from the test, not from whoever runs it. */
function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { REDIS_URL: _redis, UPSTASH_REDIS_REST_URL: _url, UPSTASH_REDIS_REST_TOKEN: _token, ...rest } = env
  return rest
}
