import { createWriteStream, type WriteStream } from "node:fs"
import type { Part } from "../../src/cli/stack/parts/part.ts"
import {
  describeExit,
  type ProcessGroup,
  signalGroup,
  spawnGroup,
} from "../../src/cli/stack/processes/process-group.ts"
import { waitUntilReady } from "../../src/cli/stack/processes/wait-until-ready.ts"
import type { Reaper } from "./reaper.ts"

export type ProcessOptions = {
  logFile: string
  reaper: Reaper
  onLine: (line: string) => void
  /** It ended, and nobody here had asked for that. */
  onDeath: (why: string) => void
}

/** One process of the stack, which may be ended, paused and started again. Whoever does that takes it for himself first. */
export class ManagedProcess {
  readonly name: string
  readonly #part: Part
  readonly #options: ProcessOptions
  readonly #log: WriteStream
  #group: ProcessGroup | null = null
  #turn: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(name: string, part: Part, options: ProcessOptions) {
    this.name = name
    this.#part = part
    this.#options = options
    this.#log = createWriteStream(options.logFile, { flags: "a" })
  }

  get pid(): number | null {
    return this.#group?.pid ?? null
  }

  /** Two faults on one process come one after the other. */
  exclusively(action: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(action)
    this.#turn = turn.catch(() => undefined) // whoever asked for it sees the failure
    return turn
  }

  /** Resolves when it is up. @throws when it ends or takes too long before that, or was closed */
  async start(): Promise<void> {
    // A fault that is still at work when the run ends must leave no process behind.
    if (this.#isClosed) throw new Error(`Cannot start ${this.name}: the run is over`)
    const starting = new AbortController()
    const readiness = waitUntilReady(this.#part, starting.signal)
    const group = spawnGroup(this.#part, (raw, stream) => {
      this.#log.write(`${raw}\n`)
      const line = this.#part.readLine(raw, stream)
      if (line === null) return
      readiness.sawLine(line)
      if (line.json) this.#options.onLine(line.raw)
    })
    this.#group = group
    if (group.pid !== null) this.#options.reaper.watch(this.#part.name, group.pid)
    void group.exited.then((exit) => {
      if (group.pid !== null) this.#options.reaper.forget(this.#part.name, group.pid)
      if (this.#group !== group) return
      this.#group = null
      this.#options.onDeath(`${this.name} ${describeExit(exit)}`)
    })
    const first = await Promise.race([readiness.done, group.exited])
    readiness.cancel()
    starting.abort()
    if (first === "up") return
    await this.end("SIGKILL")
    throw new Error(`Cannot start ${this.name}: see ${this.#options.logFile}`)
  }

  /** Ends it and resolves when it is gone. What does not end in time is killed. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const group = this.#group
    this.#group = null
    if (group === null || group.pid === null) return
    const pgid = group.pid
    signalGroup(pgid, signal === "SIGKILL" ? "SIGKILL" : "SIGCONT")
    group.signal(signal)
    const patience = setTimeout(() => signalGroup(pgid, "SIGKILL"), this.#part.stopGraceMs)
    await group.exited
    clearTimeout(patience)
  }

  /** SIGSTOP: it keeps its connections and answers nobody. */
  pause(): void {
    if (this.pid !== null) signalGroup(this.pid, "SIGSTOP")
  }

  resume(): void {
    if (this.pid !== null) signalGroup(this.pid, "SIGCONT")
  }

  /** At once, for an end that cannot wait. */
  kill(): void {
    this.#isClosed = true
    const group = this.#group
    this.#group = null
    if (group !== null && group.pid !== null) signalGroup(group.pid, "SIGKILL")
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.end("SIGTERM")
    await new Promise<void>((resolve) => this.#log.end(resolve))
  }
}
