import { Worker } from "node:worker_threads"
import type { ImageLimits } from "../image/decode-image.ts"
import type { ModelFolder } from "../models/find-models.ts"
import type { ModelErrorCode } from "../models/model-error.ts"
import type { EngineName } from "../models/model-info.ts"
import type { Inspected } from "../models/served-folder.ts"
import { LaneCrash } from "./lane-crash.ts"
import type { FromLane, LaneSetup, ToLane } from "./lane-messages.ts"

export type InspectorOptions = {
  /** Plans are made for this one, and compared; wasm unless said. */
  engine?: EngineName
  /** The compiled lane thread. */
  entry: URL
  /** Where copies of what was read are kept; null for none. */
  copyTo: string | null
  /** What one model may take to load and warm up. */
  timeoutMs?: number
  maxHeapMb?: number
}

const NO_LIMITS: ImageLimits = { maxPixels: 1, maxSidePx: 1, maxBytes: 1, maxDecodeBytes: 1, maxDecodeMs: 1 }

/**
 * Loads and checks model folders in a thread of their own, one after the other, so that a model which kills or holds up its
 * thread is out by itself and no lane has to do with it.
 */
export async function inspectModels(folders: readonly ModelFolder[], options: InspectorOptions): Promise<Inspected> {
  const inspected: Inspected = { served: [], broken: [] }
  const waiting = [...folders]
  while (waiting.length > 0) await inspectUntilDeath(waiting, options, inspected)
  return inspected
}

/** Takes folders off the list until none is left or the thread is lost; whatever it was at then is broken. */
function inspectUntilDeath(waiting: ModelFolder[], options: InspectorOptions, into: Inspected): Promise<void> {
  const { engine = "wasm", entry, copyTo, timeoutMs = 60_000, maxHeapMb = 1024 } = options
  const stopFlag = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  const thread = new Worker(entry, {
    workerData: {
      engine,
      preload: [],
      modelMemoryBytes: 0,
      codec: "portable",
      limits: NO_LIMITS,
      stopFlag,
    } satisfies LaneSetup,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    stdout: true,
    stderr: true,
  })
  return new Promise((resolve, reject) => {
    let current: ModelFolder | undefined
    let timer: NodeJS.Timeout | undefined
    let end: { code: ModelErrorCode; message: string } | undefined
    const next = () => {
      clearTimeout(timer)
      current = waiting.shift()
      if (current === undefined) return void thread.terminate()
      timer = setTimeout(() => {
        end = { code: "load_timeout", message: `The model did not load and answer within ${timeoutMs} ms` }
        void thread.terminate()
      }, timeoutMs)
      thread.postMessage({ type: "inspect", model: current, copyTo } satisfies ToLane)
    }
    thread.on("message", (message: FromLane) => {
      if (message.type === "inspected") into.served.push(message.model)
      if (message.type === "broken") into.broken.push(message.model)
      if (message.type === "ready" || message.type === "inspected" || message.type === "broken") next()
    })
    let cause: unknown
    thread.on("error", (error) => {
      cause = error
      const text = error instanceof Error ? error.message : String(error)
      end ??= { code: "load_crashed", message: `The model ends the thread that loads it: ${text.slice(0, 300)}` }
    })
    thread.on("exit", (exitCode) => {
      clearTimeout(timer)
      if (current !== undefined) {
        end ??= { code: "load_crashed", message: `The model ends the thread that loads it (exit code ${exitCode})` }
        into.broken.push({ ...current, ...end })
      } else if (waiting.length > 0) {
        // It died before the first model was asked for: no model is to blame, and none could be loaded.
        return reject(new LaneCrash("The thread that checks models cannot start", { cause }))
      }
      resolve()
    })
    for (const output of [thread.stdout, thread.stderr]) output.resume()
  })
}
