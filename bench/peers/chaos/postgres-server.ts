import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { freePort } from "../../../test/support/free-ports.ts"
import type { Store } from "./store.ts"

const VERSIONS = "/usr/lib/postgresql"
const START_MS = 30_000

/** Where Debian has the programs of the newest version. @throws with what to install */
export function findPostgres(): string {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS) : []
  const folders = versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(VERSIONS, version, "bin"))
  const found = folders.find((folder) => existsSync(join(folder, "initdb")))
  if (found === undefined) throw new Error('Cannot find PostgreSQL: install it with "apt-get install postgresql"')
  return found
}

/** A private PostgreSQL on a free loopback port, with its own settings: it has written down what it has acknowledged. */
export async function startPostgres(): Promise<Store> {
  const programs = findPostgres()
  const port = await freePort()
  const folder = mkdtempSync("/tmp/claimcheck-postgres-")
  const data = join(folder, "data")
  // It refuses to run as root.
  const isRoot = process.getuid?.() === 0
  if (isRoot) execFileSync("chown", ["postgres", folder])
  const asOwner = (program: string, args: readonly string[]): [string, string[]] => {
    const path = join(programs, program)
    return isRoot
      ? ["setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", path, ...args]]
      : [path, [...args]]
  }
  execFileSync(...asOwner("initdb", ["-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8"]), { stdio: "pipe" })
  const start = async () => {
    const args = ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", folder]
    const child = spawn(...asOwner("postgres", args), { stdio: "ignore" })
    const killWithUs = () => signalAll(child, "SIGKILL")
    process.once("exit", killWithUs)
    child.once("exit", () => process.off("exit", killWithUs))
    await untilListening(child, port)
    return child
  }
  let child = await start()
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, "exit")
    if (signal === "SIGKILL") signalAll(child, signal)
    else {
      signalAll(child, "SIGCONT")
      child.kill(signal)
    }
    await exited
  }
  return {
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    stop: () => end("SIGINT").finally(() => rmSync(folder, { recursive: true, force: true })),
    kill: () => end("SIGKILL"),
    // SIGINT is its "fast" shutdown, the default of pg_ctl.
    async restart(downMs) {
      await end("SIGINT")
      await delay(downMs)
      child = await start()
    },
    pause: () => signalAll(child, "SIGSTOP"),
    resume: () => signalAll(child, "SIGCONT"),
    fill: null,
  }
}

/** Its processes have sessions of their own, so no signal to a group reaches them. */
function signalAll({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean)
  for (const each of [pid, ...children.map(Number)]) {
    try {
      process.kill(each, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
    }
  }
}

async function untilListening(child: ChildProcess, port: number): Promise<void> {
  for (const endMs = performance.now() + START_MS; performance.now() < endMs; await delay(50)) {
    if (child.exitCode !== null) throw new Error(`Cannot start PostgreSQL, exit code ${child.exitCode}`)
    const socket = connect(port, "127.0.0.1")
    const isUp = await once(socket, "connect").then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isUp) return
  }
  throw new Error("Cannot start PostgreSQL: it does not listen")
}
