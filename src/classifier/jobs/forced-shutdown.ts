import type { Log } from "../../lib/log.ts"
import { sleep } from "../../lib/sleep.ts"
import { OverMemory } from "../lane/lane-crash.ts"
import type { LanePool } from "../lane/lane-pool.ts"
import type { ActiveJobs } from "./active-jobs.ts"
import { ShuttingDown } from "./load-picture.ts"

const LOOK_MS = 100
/** How long jobs may take to be given back while memory grows on. */
const GIVE_BACK_MS = 500
/** How long other lanes may finish their jobs beside one that is stuck, and then all of it. */
const FINISH_MS = 15_000
const SHUTDOWN_MS = 20_000

export type ForcedShutdownOptions = {
  /** Of the whole process. */
  maxMemoryBytes: number
  log: Log
  /** Ends the process without waiting for its threads: exit() would join one that is stuck. */
  kill: () => void
  rssBytes?: () => number
}

/**
 * What cannot be ended inside the process ends with it: a thread stuck in native code, and memory past the limit. Jobs are given
 * back first; the supervisor starts the next process (docs/decisions/0014-heavy-work.md).
 */
export class ForcedShutdown {
  readonly #options: ForcedShutdownOptions
  readonly #shutdown = new AbortController()
  #guarded: { pool: Pick<LanePool, "abandon" | "busy">; active: Pick<ActiveJobs, "drained"> } | undefined
  #looking: NodeJS.Timeout | undefined

  constructor(options: ForcedShutdownOptions) {
    this.#options = options
  }

  /** Aborted when the process is to claim no more. */
  get signal(): AbortSignal {
    return this.#shutdown.signal
  }

  /** Looks at the memory from now on, until it is released. */
  guard(pool: Pick<LanePool, "abandon" | "busy">, active: Pick<ActiveJobs, "drained">): void {
    const { maxMemoryBytes, rssBytes = process.memoryUsage.rss } = this.#options
    this.#guarded = { pool, active }
    this.#looking = setInterval(() => {
      const bytes = rssBytes()
      if (bytes > maxMemoryBytes) void this.#onMemory(bytes)
    }, LOOK_MS).unref()
  }

  /** Ends the process if it was to end by now. */
  release(): void {
    clearInterval(this.#looking)
    if (this.signal.aborted) this.#options.kill()
  }

  /** A lane that was ended does not go: the others finish what they work on. */
  onStuck(): void {
    if (this.signal.aborted) return
    this.#shutdown.abort()
    this.#guarded?.pool.abandon({ waiting: new ShuttingDown() })
    setTimeout(
      () => this.#guarded?.pool.abandon({ waiting: new ShuttingDown(), working: new ShuttingDown() }),
      FINISH_MS,
    )
    setTimeout(() => this.#options.kill(), SHUTDOWN_MS)
  }

  /** Whose memory it is cannot be told unless one lane alone is at work: then its attempt counts. */
  async #onMemory(bytes: number): Promise<void> {
    clearInterval(this.#looking)
    const { pool, active } = this.#guarded ?? {}
    const { maxMemoryBytes, log, kill } = this.#options
    const busy = pool?.busy ?? 0
    log.error("classifier.over_memory", { rssMb: inMb(bytes), maxMb: inMb(maxMemoryBytes), busy })
    this.#shutdown.abort()
    pool?.abandon({ waiting: new ShuttingDown(), working: new OverMemory(busy === 1) })
    await Promise.race([active?.drained(), sleep(GIVE_BACK_MS)])
    kill()
  }
}

const inMb = (bytes: number) => Math.round(bytes / 2 ** 20)
