import { AppError } from "../../lib/app-error.ts"
import type { Log } from "../../lib/log.ts"
import { loadOnnxRuntime } from "../engine/onnx/runtime.ts"
import { type CodecName, DEFAULT_MAX_DECODE_BYTES } from "../image/codec.ts"
import type { ImageLimits } from "../image/decode-image.ts"
import { openCodec } from "../image/open-codec.ts"
import { makeCopiesFolder } from "../models/copies-folder.ts"
import type { ModelFolder } from "../models/find-models.ts"
import type { EngineName, ModelInfo } from "../models/model-info.ts"
import type { ServedFolder } from "../models/served-folder.ts"
import type { LaneJob, LaneResult } from "../operations/work.ts"
import { Lane } from "./lane.ts"
import type { HeldModel, LaneStats } from "./lane-messages.ts"
import { inspectModels } from "./model-inspector.ts"

export type LanePoolOptions = {
  lanes: number
  /** What computes; wasm unless said. */
  engine?: EngineName
  /** Checked at the start; or `models`, which were checked before. */
  modelFolders?: readonly ModelFolder[]
  models?: readonly ServedFolder[]
  /** Of the models, which every lane has warm before its first job; the first unless said. The others load when asked for. */
  warmModel?: string | undefined
  /** What the models that one lane holds may take together. */
  modelMemoryBytes?: number
  /** What decodes; native unless said. */
  codec?: CodecName
  /**
   * `maxDecodeBytes`, by the decoder's own count: the default fits 50 megapixels as cameras write them. A decode may take as
   * long as a job, unless said.
   */
  limits: Pick<ImageLimits, "maxPixels" | "maxSidePx" | "maxBytes"> & Partial<ImageLimits>
  jobTimeoutMs: number
  /** How long a lane may take to end after its job took too long; as long again, and ten seconds at most, unless said. */
  endTimeoutMs?: number
  /** Called when a lane does not end: native code is not interrupted, and only the end of the process ends it. */
  onStuck?: () => void
  log: Log
  startTimeoutMs?: number
  /** Bound on each thread's JavaScript heap. */
  maxHeapMb?: number
  /** Jobs that may wait for a lane; a claim loop that looks at `free` needs few. */
  maxWaiting?: number
  /** The compiled thread. Tests name the built one: Node 20 cannot load TypeScript in a thread. */
  entry?: URL
}

export type RunOptions = {
  signal?: AbortSignal
  /** It may wait for those who came later. */
  isBackground?: boolean
}

/** So many jobs may pass one of the background, which has to come on too. */
const PASSED_OVER = 3

type Waiting = {
  job: LaneJob
  /** None for an operation that needs none. */
  model: ServedFolder | null
  signal: AbortSignal | undefined
  isBackground: boolean
  start: (lane: Lane) => void
  refuse: (reason: unknown) => void
}

/** Lanes that share a stream of jobs. One that hangs or dies is replaced, and the others go on meanwhile. */
export class LanePool {
  readonly lanes: number
  readonly #options: LanePoolOptions
  readonly #alive = new Set<Lane>()
  readonly #waiting: Waiting[] = []
  readonly #running = new Set<Promise<unknown>>()
  readonly #respawnTimers = new Set<NodeJS.Timeout>()
  #models: readonly ServedFolder[] = []
  /** The last version of every model that was ever served: jobs may wait for one that has just been taken away. */
  readonly #known = new Map<string, ServedFolder>()
  /** Jobs in a row that were none of the background. */
  #passedOver = 0
  /** Lanes lost since one last did a job. */
  #lossesInARow = 0
  #isClosed = false
  #removeCopies: (() => void) | undefined
  /** What jobs are told that come too late. */
  #refusal = new Error("The pool was closed")

  /**
   * Resolves when every lane has the first model warm; a broken model is logged and left out.
   * Throws when none can be served, or when a lane cannot start.
   */
  static async start(options: LanePoolOptions): Promise<LanePool> {
    const pool = new LanePool(options)
    if (options.engine === "native") loadOnnxRuntime()
    pool.setModels(options.models ?? (await pool.#inspect()))
    // Here too, so that a library it has stays loaded however many threads come and go.
    await openCodec(options.codec ?? "native")
    const starts = await Promise.allSettled(Array.from({ length: options.lanes }, () => pool.#spawn()))
    const failed = starts.find((start) => start.status === "rejected")
    if (!failed) return pool
    await pool.close()
    throw failed.reason
  }

  private constructor(options: LanePoolOptions) {
    if (!(options.lanes >= 1)) throw new RangeError(`Cannot start a pool: lanes is ${options.lanes}`)
    this.lanes = options.lanes
    this.#options = options
  }

  get models(): readonly ModelInfo[] {
    return this.#models.map(({ info }) => info)
  }

  /** From now on these are served. Jobs that are at work, or wait, end with what they were given. */
  setModels(models: readonly ServedFolder[]): void {
    this.#models = models
    for (const model of models) this.#known.set(model.info.id, model)
  }

  /** What each living lane holds, and how often it has loaded a model and let one go. */
  get held(): { models: readonly HeldModel[]; loads: number; unloads: number }[] {
    return [...this.#alive].map(({ holds, loads, unloads }) => ({ models: holds, loads, unloads }))
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
  run(job: LaneJob, options: RunOptions = {}): Promise<LaneResult> {
    const result = this.#acquire(job, options)
    const settled = result.catch(() => "settled is all that close() asks of it")
    this.#running.add(settled)
    void settled.finally(() => {
      this.#running.delete(settled)
      // A job that could not be posted left its lane idle, unannounced.
      this.#dispatch()
    })
    return result
  }

  /** What each living lane holds in memory. */
  stats(): Promise<LaneStats[]> {
    return Promise.all([...this.#alive].map((lane) => lane.stats()))
  }

  /** How many lanes have a job. */
  get busy(): number {
    return [...this.#alive].filter((lane) => lane.isBusy).length
  }

  /** Takes no more jobs, and gives back those it has: what waits is refused as `waiting`, what lanes work on as `working`. */
  abandon({ waiting, working }: { waiting: Error; working?: Error }): void {
    this.#isClosed = true
    this.#refusal = waiting
    for (const { refuse } of this.#waiting.splice(0)) refuse(waiting)
    if (working) for (const lane of this.#alive) lane.abandon(working)
  }

  /** Takes no more jobs, lets the active ones end (each has its time-out), and ends the threads. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#respawnTimers) clearTimeout(timer)
    for (const { refuse } of this.#waiting.splice(0)) refuse(this.#refusal)
    await Promise.all(this.#running)
    await Promise.all([...this.#alive].map((lane) => lane.close()))
    this.#removeCopies?.()
  }

  async #inspect(): Promise<ServedFolder[]> {
    const { engine = "wasm", modelFolders = [], log } = this.#options
    const copies = makeCopiesFolder()
    this.#removeCopies = copies.remove
    const inspected = await inspectModels(modelFolders, { engine, entry: entryOf(this.#options), copyTo: copies.path })
    for (const { id, folder, code, message } of inspected.broken) {
      log.error("model.broken", { model: id, folder, code, reason: message })
    }
    if (inspected.served.length > 0) return inspected.served
    copies.remove()
    const reasons = inspected.broken.map(({ id, message }) => `${id}: ${message}`).join("; ")
    throw new Error(`No model could be loaded: ${reasons || "no model folder was found"}`)
  }

  async #acquire(job: LaneJob, { signal, isBackground = false }: RunOptions): Promise<LaneResult> {
    signal?.throwIfAborted()
    if (this.#isClosed) throw this.#refusal
    const model = this.#modelOf(job)
    const { maxWaiting = 64 } = this.#options
    if (this.#waiting.length >= maxWaiting) throw new Error(`The pool has ${maxWaiting} jobs waiting already`)
    return await new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(signal?.reason)
      }
      const start = (lane: Lane) => {
        signal?.removeEventListener("abort", onAbort)
        // By now it may have been replaced.
        resolve(lane.run(job, this.#modelOf(job), signal))
      }
      const waiting: Waiting = { job, model, signal, isBackground, start, refuse: reject }
      signal?.addEventListener("abort", onAbort, { once: true })
      this.#waiting.push(waiting)
      this.#dispatch()
    })
  }

  /** @throws AppError unknown_model */
  #modelOf({ modelId }: LaneJob): ServedFolder | null {
    if (modelId === undefined) return null
    const model = this.#known.get(modelId)
    if (!model) throw new AppError("unknown_model", `Cannot classify: no model ${modelId} is served here`)
    return model
  }

  #dispatch(): void {
    for (;;) {
      const next = this.#next()
      const lane = next && this.#idleLaneFor(next.model)
      if (!lane) return
      this.#waiting.splice(this.#waiting.indexOf(next), 1)
      this.#passedOver = next.isBackground ? 0 : this.#passedOver + 1
      next.start(lane)
    }
  }

  /** Background work is done when nothing else waits, and every few jobs all the same. */
  #next(): Waiting | undefined {
    const first = (isBackground: boolean) => this.#waiting.find((waiting) => waiting.isBackground === isBackground)
    const [foreground, background] = [first(false), first(true)]
    return this.#passedOver >= PASSED_OVER ? (background ?? foreground) : (foreground ?? background)
  }

  /** One that has the model loaded, else the one that would have to let go the least. */
  #idleLaneFor(wanted: ServedFolder | null): Lane | undefined {
    const idle = [...this.#alive].filter((lane) => lane.isIdle)
    const holds = (lane: Lane) => lane.holds.some(({ id }) => id === wanted?.info.id)
    return idle.find(holds) ?? idle.sort((a, b) => a.holds.length - b.holds.length)[0]
  }

  get #preload(): ServedFolder[] {
    const { warmModel } = this.#options
    return [this.#models.find(({ info }) => info.id === warmModel) ?? this.#models[0]].filter(
      (model) => model !== undefined,
    )
  }

  async #spawn(): Promise<Lane> {
    const { engine = "wasm", codec = "native", limits, jobTimeoutMs, onStuck, log } = this.#options
    const { endTimeoutMs = Math.min(10_000, jobTimeoutMs) } = this.#options
    const { startTimeoutMs = 60_000, maxHeapMb = 1024, modelMemoryBytes = 512 * 2 ** 20 } = this.#options
    const lane = await Lane.start({
      engine,
      preload: this.#preload,
      modelMemoryBytes,
      codec,
      limits: { maxDecodeBytes: DEFAULT_MAX_DECODE_BYTES, maxDecodeMs: jobTimeoutMs, ...limits },
      jobTimeoutMs,
      endTimeoutMs,
      startTimeoutMs,
      maxHeapMb,
      entry: entryOf(this.#options),
      log,
      onIdle: () => {
        this.#lossesInARow = 0
        this.#dispatch()
      },
      onExit: (lost) => {
        if (this.#alive.delete(lost)) this.#replaceLater("lane.lost")
      },
      onStuck: () => {
        log.error("lane.stuck", { endTimeoutMs })
        onStuck?.()
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

/** The compiled lane thread. */
export function entryOf({ entry }: { entry?: URL }): URL {
  return entry ?? new URL("./lane-thread.js", import.meta.url)
}
