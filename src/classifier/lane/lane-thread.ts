import { type MessagePort, parentPort, workerData } from "node:worker_threads"
import { memory } from "@tensorflow/tfjs-core"
import { AppError } from "../../lib/app-error.ts"
import { openCodec } from "../image/open-codec.ts"
import { type LoadedModel, loadModel } from "../models/load-model.ts"
import { ModelError } from "../models/model-error.ts"
import { classify } from "./classify.ts"
import type { BrokenModel, FromLane, LaneJob, LaneSetup, LaneStats, ToLane } from "./lane-messages.ts"
import { startWasm } from "./start-wasm.ts"

if (!parentPort) throw new Error("lane-thread runs as a worker thread only")
await serve(parentPort, workerData)

/** One lane: one thread, one WASM instance, one job at a time. */
async function serve(
  port: MessagePort,
  { modelFolders, codec: codecName, limits, stopFlag }: LaneSetup,
): Promise<void> {
  const answer = (message: FromLane) => port.postMessage(message)
  const stopCell = new Int32Array(stopFlag)
  const models = new Map<string, LoadedModel>()
  const codec = await openCodec(codecName)

  const work = async (jobNumber: number, job: LaneJob): Promise<FromLane> => {
    const isStopped = () => Atomics.load(stopCell, 0) === jobNumber
    try {
      const result = await classify(job, { models, codec, limits, isStopped, nowMs: () => performance.now() })
      return result ? { type: "done", jobNumber, result } : { type: "stopped", jobNumber }
    } catch (error) {
      // Anything else may have left WASM in a bad state: the thread dies of it and is replaced.
      if (!(error instanceof AppError)) throw error
      return { type: "refused", jobNumber, code: error.code, message: error.message }
    }
  }

  await startWasm()
  const broken = await loadModels(modelFolders, models)
  // Rejects for nothing but what a thread should die of.
  port.on("message", async (message: ToLane) => {
    switch (message.type) {
      case "job":
        return answer(await work(message.jobNumber, message.job))
      case "stats":
        return answer({ type: "stats", stats: readStats() })
      default:
        return message satisfies never
    }
  })
  answer({ type: "ready", models: [...models.values()].map(({ info }) => info), broken })
}

/** Fills `models`, and returns those that cannot be served: each is out by itself. */
async function loadModels(
  folders: LaneSetup["modelFolders"],
  models: Map<string, LoadedModel>,
): Promise<BrokenModel[]> {
  const broken: BrokenModel[] = []
  for (const { id, folder } of folders) {
    try {
      models.set(id, await loadModel(id, folder))
    } catch (error) {
      const code = error instanceof ModelError ? error.code : "load_failed"
      broken.push({ id, folder, code, message: error instanceof Error ? error.message : String(error) })
    }
  }
  return broken
}

function readStats(): LaneStats {
  const { numTensors, numBytes } = memory()
  const { heapUsed, external } = process.memoryUsage()
  return { tensors: numTensors, tensorBytes: numBytes, heapBytes: heapUsed, externalBytes: external }
}
