import type { Part, PartName } from "./parts/part.ts"
import { partRow } from "./parts/prepare-stack.ts"
import type { RunFile } from "./processes/run-file.ts"
import type { Reaper } from "./processes/start-reaper.ts"
import { STOP_ORDER } from "./processes/stop-order.ts"
import { type PartListener, SupervisedPart } from "./processes/supervised-part.ts"
import type { StackOutput } from "./stack-output.ts"

const SLOW_MS = 5_000
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

/** The parts that run, and what is said of them. */
export class RunningStack {
  /** Rejects when a part cannot start, or died too often; never resolves. */
  readonly failed: Promise<never>

  readonly #parts: SupervisedPart[] = []
  readonly #output: StackOutput
  readonly #runFile: Pick<RunFile, "add" | "drop">
  readonly #reaper: Pick<Reaper, "watch" | "forget">
  #fail: (error: unknown) => void = () => undefined
  #stopping: Promise<void> | null = null

  constructor(output: StackOutput, runFile: Pick<RunFile, "add" | "drop">, reaper: Pick<Reaper, "watch" | "forget">) {
    this.#output = output
    this.#runFile = runFile
    this.#reaper = reaper
    this.failed = new Promise<never>((_resolve, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => undefined)
  }

  /** Resolves when all of them are up. */
  async start(parts: readonly Part[]): Promise<void> {
    await Promise.all(
      parts.map(async (part) => {
        const supervised = new SupervisedPart(part, this.#listenerFor(part))
        this.#parts.push(supervised)
        supervised.ended.catch(this.#fail)
        const slow = this.#reportSlowStart(part.name)
        await supervised.up.finally(() => clearInterval(slow))
      }),
    )
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopInOrder()
    return this.#stopping
  }

  /** SIGKILL for everything, now. */
  kill(): void {
    this.#output.say("stack.killing", {}, "killing what is left")
    for (const part of this.#parts) part.kill()
  }

  async #stopInOrder(): Promise<void> {
    if (this.#parts.length === 0) return
    const names = STOP_ORDER.flat().filter((name) => this.#parts.some((part) => part.name === name))
    this.#output.setCalm(true)
    this.#output.say("stack.stopping", { names }, `\nstopping ${names.join(", ")} (Ctrl-C again: at once)`)
    for (const stage of STOP_ORDER) {
      await Promise.all(this.#parts.filter((part) => stage.includes(part.name)).map((part) => this.#stopPart(part)))
    }
  }

  async #stopPart(part: SupervisedPart): Promise<void> {
    const startedMs = performance.now()
    const slow = setInterval(() => {
      const waitedMs = performance.now() - startedMs
      const sentence = `  ${part.name} is finishing what it has in hand (${Math.round(waitedMs / 1000)} s)`
      this.#output.say("stack.part_stopping", { name: part.name, waitedMs: Math.round(waitedMs) }, sentence)
    }, SLOW_MS)
    await part.stop()
    clearInterval(slow)
  }

  #reportSlowStart(name: PartName): NodeJS.Timeout {
    const startedMs = performance.now()
    return setInterval(() => {
      const waitedMs = performance.now() - startedMs
      const sentence = `  ${name.padEnd(11)} still starting (${Math.round(waitedMs / 1000)} s)`
      this.#output.say("stack.part_starting", { name, waitedMs: Math.round(waitedMs) }, sentence)
    }, SLOW_MS)
  }

  #listenerFor({ name, what, address }: Part): PartListener {
    return {
      spawned: (pid) => {
        this.#runFile.add(name, pid)
        this.#reaper.watch(name, pid)
      },
      gone: (pid) => {
        this.#runFile.drop(pid)
        this.#reaper.forget(name, pid)
      },
      up: (tookMs, restarts) => {
        const row = partRow(name, restarts === 0 ? what : `${what} (restarted)`, address, seconds(tookMs))
        this.#output.say("stack.part_up", { name, what, address, tookMs, restarts }, row)
        this.#output.partUp(name)
      },
      died: (why, restartInMs) => {
        const sentence = `  ${name} ${why}; starting it again in ${seconds(restartInMs)}`
        this.#output.warn("stack.part_died", { name, why, restartInMs }, sentence)
      },
      line: (line) => this.#output.partLine(name, line),
    }
  }
}
