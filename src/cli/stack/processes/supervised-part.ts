import { sleep } from "../../../lib/sleep.ts"
import { CliError } from "../../cli-error.ts"
import { plain } from "../../terminal/terminal.ts"
import type { Part, PartLine } from "../parts/part.ts"
import { parseLogLine, renderLogLine } from "../render-log-line.ts"
import { describeExit, type ProcessGroup, signalGroup, spawnGroup } from "./process-group.ts"
import { MAX_QUICK_DEATHS, restartDelayMs, STEADY_MS } from "./restart-delay.ts"
import { waitUntilReady, watchProbe } from "./wait-until-ready.ts"

/** What a supervised part tells; all of it is for people and for the reaper, nothing here decides. */
export type PartListener = {
  spawned: (pid: number) => void
  gone: (pid: number) => void
  up: (tookMs: number, restarts: number) => void
  died: (why: string, restartInMs: number) => void
  line: (line: PartLine) => void
}

type Life = { wasUp: boolean; livedMs: number; why: string; lastLines: string }

/** A part that is started again when it dies, until it is stopped. */
export class SupervisedPart {
  readonly name: Part["name"]
  /** Resolves once the part is up for the first time; rejects when it cannot start. */
  readonly up: Promise<void>
  /** Resolves when the part was stopped; rejects when it cannot start, or died too often in a row. */
  readonly ended: Promise<void>

  readonly #part: Part
  readonly #listener: PartListener
  readonly #delayMs: (quickDeaths: number) => number
  readonly #stopping = new AbortController()
  #group: ProcessGroup | null = null
  #markUp: () => void = () => undefined

  constructor(part: Part, listener: PartListener, delayMs: (quickDeaths: number) => number = restartDelayMs) {
    this.name = part.name
    this.#part = part
    this.#listener = listener
    this.#delayMs = delayMs
    const firstUp = new Promise<void>((resolve) => {
      this.#markUp = resolve
    })
    this.ended = this.#run()
    this.up = Promise.race([firstUp, this.ended])
    // Both report the same failure; waiting for one is enough.
    this.up.catch(() => undefined)
    this.ended.catch(() => undefined)
  }

  /** SIGTERM and time to finish what it has in hand, then SIGKILL for the whole group. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#group?.signal("SIGTERM")
    const patience = setTimeout(() => this.kill(), this.#part.stopGraceMs)
    await this.ended.catch(() => undefined)
    clearTimeout(patience)
  }

  /** SIGKILL for the whole group, now. */
  kill(): void {
    this.#stopping.abort()
    this.#killGroup()
  }

  async #run(): Promise<void> {
    const { name } = this.#part
    let everUp = false
    let quickDeaths = 0
    for (let restarts = 0; !this.#stopping.signal.aborted; restarts++) {
      const life = await this.#live(restarts)
      if (this.#stopping.signal.aborted) return
      everUp ||= life.wasUp
      if (!everUp) throw new CliError(`${name} cannot start: it ${life.why}${life.lastLines}`)
      if (life.livedMs >= STEADY_MS) quickDeaths = 0
      const restartInMs = this.#delayMs(quickDeaths++)
      if (quickDeaths > MAX_QUICK_DEATHS) {
        throw new CliError(`${name} died ${quickDeaths} times in a row: it ${life.why}${life.lastLines}`)
      }
      this.#listener.died(life.why, restartInMs)
      await sleep(restartInMs, this.#stopping.signal)
    }
  }

  /** One life of the process: from its start to its end, however it comes. */
  async #live(restarts: number): Promise<Life> {
    const startedMs = performance.now()
    const livedMs = () => Math.round(performance.now() - startedMs)
    const lastLines = new LastLines()
    const readiness = waitUntilReady(this.#part, this.#stopping.signal)
    const group = spawnGroup(this.#part, (raw, stream) => {
      const line = this.#part.readLine(raw, stream)
      if (line === null) return
      lastLines.push(toPlainText(line))
      readiness.sawLine(line)
      this.#listener.line(line)
    })
    this.#group = group
    if (group.pid !== null) this.#listener.spawned(group.pid)
    const first = await Promise.race([readiness.done, group.exited])
    readiness.cancel()
    let why = ""
    if (first === "up") {
      this.#listener.up(livedMs(), restarts)
      this.#markUp()
      why = await this.#watchUntilExit(group)
    } else if (first === "late") {
      why = `was not up within ${Math.round(this.#part.startTimeoutMs / 1000)} s`
      this.#killGroup()
    } else if (first === "refused") {
      why = "does not take its configuration"
      this.#killGroup()
    }
    const exit = await group.exited
    this.#group = null
    if (group.pid !== null) this.#listener.gone(group.pid)
    return {
      wasUp: first === "up",
      livedMs: livedMs(),
      why: why || describeExit(exit),
      lastLines: lastLines.indented(),
    }
  }

  async #watchUntilExit(group: ProcessGroup): Promise<string> {
    let why = ""
    const watch = watchProbe(this.#part, () => {
      why = "no longer answered"
      this.#killGroup()
    })
    await group.exited
    watch.cancel()
    return why
  }

  #killGroup(): void {
    const pid = this.#group?.pid ?? null
    if (pid !== null) signalGroup(pid, "SIGKILL")
  }
}

function toPlainText({ raw, json }: PartLine): string {
  const line = json ? parseLogLine(raw) : null
  return line === null ? raw : renderLogLine(line, plain)
}

/** The last lines a part printed, for the message that tells why it died. */
class LastLines {
  readonly #lines: string[] = []
  readonly #max: number

  constructor(max = 15) {
    this.#max = max
  }

  push(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length > this.#max) this.#lines.shift()
  }

  indented(): string {
    return this.#lines.map((line) => `\n    ${line.replaceAll("\n", "\n    ")}`).join("")
  }
}
