import { Worker } from "node:worker_threads"
import { AppError } from "../../lib/app-error.ts"
import type { Log } from "../../lib/log.ts"
import { sleep } from "../../lib/sleep.ts"
import type { CodecName } from "../image/codec.ts"
import type { ImageLimits } from "../image/decode-image.ts"
import type { EngineName } from "../models/model-info.ts"
import type { ServedFolder } from "../models/served-folder.ts"
import type { LaneJob, LaneResult } from "../operations/work.ts"
import { LaneCrash, ModelUnloadable } from "./lane-crash.ts"
import type { FromLane, HeldModel, LaneSetup, LaneStats, ToLane } from "./lane-messages.ts"

export type LaneOptions = {
  engine: EngineName
  preload: readonly ServedFolder[]
  modelMemoryBytes: number
  codec: CodecName
  limits: ImageLimits
  jobTimeoutMs: number
  /** How long a thread that is ended may take to go: native code is not interrupted. */
  endTimeoutMs: number
  startTimeoutMs: number
  /** Bound on the thread's JavaScript heap; pixels and WASM memory lie outside it. */
  maxHeapMb: number
  entry: URL
  log: Log
  /** Called when the lane can take a job again. */
  onIdle: (lane: Lane) => void
  /** Called once, when the thread is gone for any reason. */
  onExit: (lane: Lane) => void
  /** Called when the thread has been ended and does not go; its job has been told then. Only the process can end it. */
  onStuck: (lane: Lane) => void
}

type LaneState =
  | { state: "starting"; resolve: (lane: Lane) => void; reject: (error: Error) => void; timer: NodeJS.Timeout }
  | { state: "idle" }
  | { state: "busy"; jobNumber: number; settle: (outcome: LaneResult | Error) => void; timer: NodeJS.Timeout }
  | { state: "dead" }

/** The host's side of one worker thread: one job at a time, each ended by an answer, a timeout, or the thread's death. */
export class Lane {
  /** The models that are loaded in it, and how often it has loaded one and let one go. */
  holds: readonly HeldModel[] = []
  loads = 0
  unloads = 0
  readonly #worker: Worker
  readonly #options: LaneOptions
  readonly #stopCell: Int32Array
  readonly #statsWaiters: { resolve: (stats: LaneStats) => void; reject: (error: Error) => void }[] = []
  #state: LaneState = { state: "dead" }
  #lastJobNumber = 0
  /** Why the thread ends, where that is known before it has. */
  #endReason: Error | undefined

  /** Resolves when the thread has loaded and warmed up what it is to have from the start; rejects with a LaneCrash when it cannot. */
  static start(options: LaneOptions): Promise<Lane> {
    return new Promise((resolve, reject) => new Lane(options, resolve, reject))
  }

  private constructor(options: LaneOptions, resolve: (lane: Lane) => void, reject: (error: Error) => void) {
    const stopFlag = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
    const { engine, preload, modelMemoryBytes, codec, limits, log } = options
    this.#options = options
    this.#stopCell = new Int32Array(stopFlag)
    this.#worker = new Worker(options.entry, {
      workerData: { engine, preload, modelMemoryBytes, codec, limits, stopFlag } satisfies LaneSetup,
      resourceLimits: { maxOldGenerationSizeMb: options.maxHeapMb },
      stdout: true,
      stderr: true,
    })
    const late = () => this.#end(new LaneCrash(`The lane did not start within ${options.startTimeoutMs} ms`))
    this.#state = { state: "starting", resolve, reject, timer: setTimeout(late, options.startTimeoutMs) }
    this.#worker.on("message", (message: FromLane) => this.#onMessage(message))
    this.#worker.on("error", (cause) => {
      this.#endReason ??= new LaneCrash("The lane's thread died of an error", { cause })
    })
    this.#worker.on("exit", (exitCode) => this.#onExit(exitCode))
    for (const output of [this.#worker.stdout, this.#worker.stderr]) {
      output.on("data", (text: Buffer) => log.debug("lane.output", { text: text.toString().trimEnd().slice(0, 2000) }))
    }
  }

  get isIdle(): boolean {
    return this.#state.state === "idle"
  }

  /** Runs one job; the bytes are handed over and are empty here afterwards. Only for an idle lane. */
  run(job: LaneJob, model: ServedFolder | null, signal?: AbortSignal): Promise<LaneResult> {
    if (!this.isIdle) throw new Error("Cannot run a job on a lane that is not idle")
    const jobNumber = this.#nextJobNumber()
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        Atomics.store(this.#stopCell, 0, jobNumber)
        reject(signal?.reason)
      }
      const settle = (outcome: LaneResult | Error) => {
        signal?.removeEventListener("abort", onAbort)
        if (outcome instanceof Error) reject(outcome)
        else resolve(outcome)
      }
      const bytes = transferable(job.bytes)
      // Before the state changes: bytes that cannot be handed over make this throw, and the lane stays idle.
      this.#post({ type: "job", jobNumber, job: { ...job, bytes }, model }, [bytes.buffer])
      const { jobTimeoutMs } = this.#options
      const late = () => this.#end(new AppError("job_timeout", `The job took longer than ${jobTimeoutMs} ms`))
      this.#state = { state: "busy", jobNumber, settle, timer: setTimeout(late, jobTimeoutMs) }
      signal?.addEventListener("abort", onAbort, { once: true })
    })
  }

  stats(): Promise<LaneStats> {
    return new Promise((resolve, reject) => {
      this.#statsWaiters.push({ resolve, reject })
      this.#post({ type: "stats" })
    })
  }

  get isBusy(): boolean {
    return this.#state.state === "busy"
  }

  /** Ends the thread; its job is rejected. Waits for a thread that is stuck no longer than one may take to go. */
  async close(): Promise<void> {
    this.#endReason ??= new LaneCrash("The lane was closed")
    const patience = new AbortController()
    await Promise.race([this.#worker.terminate(), sleep(this.#options.endTimeoutMs, patience.signal)])
    patience.abort()
  }

  /** Gives the job back at once, as the process is about to end; what the thread still does is lost. */
  abandon(reason: Error): void {
    const last = this.#state
    if (last.state !== "busy") return
    this.#state = { state: "dead" }
    clearTimeout(last.timer)
    last.settle(reason)
  }

  #post(message: ToLane, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer)
  }

  /** Above 0, which the stop flag starts with, and within an Int32. */
  #nextJobNumber(): number {
    this.#lastJobNumber = (this.#lastJobNumber % 0x7fffffff) + 1
    return this.#lastJobNumber
  }

  #end(reason: Error): void {
    this.#endReason ??= reason
    const { endTimeoutMs, onStuck } = this.#options
    const stuck = setTimeout(() => {
      this.abandon(reason)
      onStuck(this)
    }, endTimeoutMs)
    void this.#worker.terminate().then(() => clearTimeout(stuck))
  }

  #onMessage(message: FromLane): void {
    switch (message.type) {
      case "ready":
        this.#onReady()
        break
      case "done":
        this.#onAnswer(message.jobNumber, message.result)
        break
      case "refused":
        this.#onAnswer(message.jobNumber, new AppError(message.code, message.message))
        break
      case "stopped":
        // Its caller was given the signal's reason when it aborted; this error reaches nobody.
        this.#onAnswer(message.jobNumber, new Error("The job was stopped"))
        break
      case "unloadable":
        this.#onAnswer(message.jobNumber, new ModelUnloadable(message.message))
        break
      case "holds":
        this.holds = message.models
        this.loads = message.loads
        this.unloads = message.unloads
        break
      case "inspected":
      case "broken":
        // Answers to an inspector, which is no lane.
        break
      case "stats":
        this.#statsWaiters.shift()?.resolve(message.stats)
        break
      default:
        message satisfies never
    }
  }

  #onReady(): void {
    if (this.#state.state !== "starting") return
    const { resolve, timer } = this.#state
    clearTimeout(timer)
    this.#state = { state: "idle" }
    resolve(this)
  }

  #onAnswer(jobNumber: number, outcome: LaneResult | Error): void {
    if (this.#state.state !== "busy" || this.#state.jobNumber !== jobNumber) return
    const { settle, timer } = this.#state
    clearTimeout(timer)
    this.#state = { state: "idle" }
    settle(outcome)
    this.#options.onIdle(this)
  }

  #onExit(exitCode: number): void {
    const reason = this.#endReason ?? new LaneCrash(`The lane's thread left with exit code ${exitCode}`)
    const last = this.#state
    this.#state = { state: "dead" }
    if (last.state === "starting" || last.state === "busy") clearTimeout(last.timer)
    if (last.state === "starting") last.reject(reason)
    if (last.state === "busy") last.settle(reason)
    for (const { reject } of this.#statsWaiters) reject(reason)
    this.#options.onExit(this)
  }
}

/**
 * Bytes in a buffer of their own: a view into a larger one (Node's small Buffers) would take its neighbours along. Throws
 * for bytes that were handed over before, which postMessage would lose without a word.
 */
function transferable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes
  const ownsBuffer = buffer instanceof ArrayBuffer && byteLength === buffer.byteLength && byteLength > 0
  return ownsBuffer ? new Uint8Array(buffer) : new Uint8Array(bytes)
}
