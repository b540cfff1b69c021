import type { Log } from "../../lib/log.ts"
import type { CodecName } from "../image/codec.ts"
import type { ImageLimits } from "../image/decode-image.ts"
import { openCodec } from "../image/open-codec.ts"
import type { ModelFolder } from "../models/find-models.ts"
import type { ModelInfo } from "../models/model-info.ts"
import { Lane } from "./lane.ts"
import type { LaneJob, LaneResult, LaneStats } from "./lane-messages.ts"

export type LanePoolOptions = {
  lanes: number
  modelFolders: readonly ModelFolder[]
  /** What decodes; native unless said. */
  codec?: CodecName
  /**
   * `maxDecodeBytes`, by the decoder's own count: the default fits 50 megapixels as cameras write them. A decode may take as
   * long as a job, unless said.
   */
  limits: Pick<ImageLimits, "maxPixels" | "maxBytes"> & Partial<ImageLimits>
  jobTimeoutMs: number
  log: Log
  startTimeoutMs?: number
  /** Bound on each thread's JavaScript heap. */
  maxHeapMb?: number
  /** Jobs that may wait for a lane; a claim loop that looks at `free` needs few. */
  maxWaiting?: number
  /** The compiled thread. Tests name the built one: Node 20 cannot load TypeScript in a thread. */
  entry?: URL
}

type Waiting = {
  job: LaneJob
  signal: AbortSignal | undefined
  start: (lane: Lane) => void
  refuse: (reason: unknown) => void
}

/** Lanes that share a stream of jobs. One that hangs or dies is replaced, and the others go on meanwhile. */
export class LanePool {
  readonly lanes: number
  readonly #options: LanePoolOptions
  readonly #alive = new Set<Lane>()
  readonly #waiting: Waiting[] = []
  readonly #inHand = new Set<Promise<unknown>>()
  readonly #respawnTimers = new Set<NodeJS.Timeout>()
  #models: readonly ModelInfo[] = []
  /** Lanes lost since one last did a job. */
  #lossesInARow = 0
  #isClosed = false

  /**
   * Resolves when every lane has loaded and warmed up every model that loads; a broken model is logged and left out.
   * Throws when none loads, or when a lane cannot start.
   */
  static async start(options: LanePoolOptions): Promise<LanePool> {
    const pool = new LanePool(options)
    // Here too, so that a library it has stays loaded however many threads come and go.
    await openCodec(options.codec ?? "native")
    const starts = await Promise.allSettled(Array.from({ length: options.lanes }, () => pool.#spawn()))
    const failed = starts.find((start) => start.status === "rejected")
    const first = starts.find((start) => start.status === "fulfilled")?.value
    pool.#models = first?.models ?? []
    for (const { id, folder, code, message } of first?.broken ?? []) {
      options.log.error("model.broken", { model: id, folder, code, reason: message })
    }
    if (!failed && pool.#models.length > 0) return pool
    await pool.close()
    throw failed ? failed.reason : new Error(`No model could be loaded: ${reasons(first)}`)
  }

  private constructor(options: LanePoolOptions) {
    if (!(options.lanes >= 1)) throw new RangeError(`Cannot start a pool: lanes is ${options.lanes}`)
    this.lanes = options.lanes
    this.#options = options
  }

  get models(): readonly ModelInfo[] {
    return this.#models
  }

  /** Lanes that could take a job at once. */
  get free(): number {
    const idle = [...this.#alive].filter((lane) => lane.isIdle).length
    return Math.max(0, idle - this.#waiting.length)
  }

  /**
   * Runs a job on the next free lane. The bytes are handed over: they are empty here afterwards. Rejects with an AppError
   * for bad input or a job past its time, with a LaneCrash when the lane died, with the signal's reason when aborted.
   */
  run(job: LaneJob, { signal }: { signal?: AbortSignal } = {}): Promise<LaneResult> {
    const result = this.#acquire(job, signal)
    const settled = result.catch(() => "settled is all that close() asks of it")
    this.#inHand.add(settled)
    void settled.finally(() => {
      this.#inHand.delete(settled)
      // A job that could not be posted left its lane idle, unannounced.
      this.#dispatch()
    })
    return result
  }

  /** What each living lane holds in memory. */
  stats(): Promise<LaneStats[]> {
    return Promise.all([...this.#alive].map((lane) => lane.stats()))
  }

  /** Takes no more jobs, lets those in hand end (each has its time-out), and ends the threads. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#respawnTimers) clearTimeout(timer)
    for (const { refuse } of this.#waiting.splice(0)) refuse(new Error("The pool was closed"))
    await Promise.all(this.#inHand)
    await Promise.all([...this.#alive].map((lane) => lane.close()))
  }

  async #acquire(job: LaneJob, signal: AbortSignal | undefined): Promise<LaneResult> {
    signal?.throwIfAborted()
    if (this.#isClosed) throw new Error("The pool was closed")
    const { maxWaiting = 64 } = this.#options
    if (this.#waiting.length >= maxWaiting) throw new Error(`The pool has ${maxWaiting} jobs waiting already`)
    return await new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(signal?.reason)
      }
      const start = (lane: Lane) => {
        signal?.removeEventListener("abort", onAbort)
        resolve(lane.run(job, signal))
      }
      const waiting: Waiting = { job, signal, start, refuse: reject }
      signal?.addEventListener("abort", onAbort, { once: true })
      this.#waiting.push(waiting)
      this.#dispatch()
    })
  }

  #dispatch(): void {
    for (const lane of this.#alive) {
      if (lane.isIdle) this.#waiting.shift()?.start(lane)
    }
  }

  async #spawn(): Promise<Lane> {
    const { modelFolders, codec = "native", limits, jobTimeoutMs, log } = this.#options
    const { startTimeoutMs = 60_000, maxHeapMb = 1024 } = this.#options
    const lane = await Lane.start({
      modelFolders,
      codec,
      limits: { maxDecodeBytes: 2 ** 30, maxDecodeMs: jobTimeoutMs, ...limits },
      jobTimeoutMs,
      startTimeoutMs,
      maxHeapMb,
      entry: this.#options.entry ?? new URL("./lane-thread.js", import.meta.url),
      log,
      onIdle: () => {
        this.#lossesInARow = 0
        this.#dispatch()
      },
      onExit: (lost) => {
        if (this.#alive.delete(lost)) this.#replaceLater("lane.lost")
      },
    })
    if (this.#isClosed) await lane.close()
    else this.#alive.add(lane)
    return lane
  }

  #replaceLater(event: string, error?: unknown): void {
    if (this.#isClosed) return
    const delayMs = respawnDelayMs(this.#lossesInARow++)
    this.#options.log.warn(event, { delayMs, ...(error === undefined ? {} : { error }) })
    const timer = setTimeout(async () => {
      this.#respawnTimers.delete(timer)
      try {
        await this.#spawn()
        this.#options.log.info("lane.replaced")
        this.#dispatch()
      } catch (error) {
        this.#replaceLater("lane.start_failed", error)
      }
    }, delayMs)
    this.#respawnTimers.add(timer)
  }
}

/** How long to wait before the next lane is started, after `losses` in a row: at once for one, up to half a minute. */
export function respawnDelayMs(losses: number, { baseMs = 100, capMs = 30_000 } = {}): number {
  return losses === 0 ? 0 : Math.min(capMs, baseMs * 2 ** (losses - 1))
}

function reasons(lane: Lane | undefined): string {
  return lane?.broken.map(({ id, message }) => `${id}: ${message}`).join("; ") || "no model folder was found"
}
