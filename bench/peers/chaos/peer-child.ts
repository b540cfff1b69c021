import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { openSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import type { ProcessRole } from "./peer-process.ts"

const SCRIPT = fileURLToPath(new URL("peer-process.ts", import.meta.url))
const TSX = createRequire(import.meta.url).resolve("tsx")
const CLOSE_MS = 10_000
/** A process that ends by itself is started again, as a supervisor would do it. */
const AGAIN_MS = 500

/** A process of a run. */
export class PeerChild {
  /** How often it ended, and nobody here had asked for that. */
  deaths = 0
  readonly #role: ProcessRole
  readonly #log: number
  #child: ChildProcess | null = null
  #isClosed = false
  readonly #killWithUs = () => void this.#child?.kill("SIGKILL")

  constructor(role: ProcessRole, logFile: string) {
    this.#role = role
    this.#log = openSync(logFile, "a")
    process.on("exit", this.#killWithUs)
  }

  /** Resolves when it is connected to its store, or has ended before that: then it is started again. */
  async start(): Promise<void> {
    if (this.#isClosed) return
    const args = ["--import", TSX, SCRIPT, JSON.stringify(this.#role)]
    const child = spawn(process.execPath, args, { stdio: ["ignore", this.#log, this.#log, "ipc"] })
    this.#child = child
    child.once("exit", (code) => {
      if (this.#child !== child) return
      this.#child = null
      if (code === 0) return
      this.deaths++
      setTimeout(() => void this.start(), AGAIN_MS)
    })
    await Promise.race([once(child, "message"), once(child, "exit")])
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null) return
    const exited = once(child, "exit")
    child.kill("SIGKILL")
    await exited
  }

  pause(): void {
    this.#child?.kill("SIGSTOP")
  }

  resume(): void {
    this.#child?.kill("SIGCONT")
  }

  /** Lets it end by itself; what does not in time is killed. */
  async close(): Promise<void> {
    this.#isClosed = true
    process.off("exit", this.#killWithUs)
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null) return
    const exited = once(child, "exit")
    const patience = setTimeout(() => child.kill("SIGKILL"), CLOSE_MS)
    child.kill("SIGCONT")
    if (child.connected) child.send("close")
    await exited
    clearTimeout(patience)
  }
}
