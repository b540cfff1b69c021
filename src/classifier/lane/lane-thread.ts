import { type MessagePort, parentPort, workerData } from "node:worker_threads"
import { AppError } from "../../lib/app-error.ts"
import { Engine } from "../engine/engine.ts"
import { openCodec } from "../image/open-codec.ts"
import { ModelError } from "../models/model-error.ts"
import type { ServedFolder } from "../models/served-folder.ts"
import { runOperation } from "../operations/run-operation.ts"
import type { LaneJob } from "../operations/work.ts"
import { inspectFolder } from "./inspect-folder.ts"
import type { FromLane, LaneSetup, LaneStats, ToLane } from "./lane-messages.ts"
import { LaneModels, type OnHeld } from "./lane-models.ts"

if (!parentPort) throw new Error("lane-thread runs as a worker thread only")
await serve(parentPort, workerData)

/** One lane: one thread, one engine, one job at a time. */
async function serve(port: MessagePort, setup: LaneSetup): Promise<void> {
  const { preload, modelMemoryBytes, limits, stopFlag } = setup
  const answer = (message: FromLane) => port.postMessage(message)
  const stopCell = new Int32Array(stopFlag)
  const engine = await Engine.start(setup.engine)
  const onHeld: OnHeld = (models, counts) => answer({ type: "holds", models, ...counts })
  const held = new LaneModels(modelMemoryBytes, onHeld, (id, place) => engine.open(id, place))
  const codec = await openCodec(setup.codec)

  const work = async (jobNumber: number, job: LaneJob, served: ServedFolder | null): Promise<FromLane> => {
    const isStopped = () => Atomics.load(stopCell, 0) === jobNumber
    try {
      if (isStopped()) return { type: "stopped", jobNumber }
      const model = served && (await held.take(served))
      const result = await runOperation(job, { model, codec, limits, isStopped, nowMs: () => performance.now() })
      return result ? { type: "done", jobNumber, result } : { type: "stopped", jobNumber }
    } catch (error) {
      if (error instanceof ModelError) return { type: "unloadable", jobNumber, message: error.message }
      // Anything else may have left WASM in a bad state: the thread dies of it and is replaced.
      if (!(error instanceof AppError)) throw error
      return { type: "refused", jobNumber, code: error.code, message: error.message }
    }
  }

  for (const model of preload) await warm(held, model)
  // Rejects for nothing but what a thread should die of.
  port.on("message", async (message: ToLane) => {
    switch (message.type) {
      case "job":
        return answer(await work(message.jobNumber, message.job, message.model))
      case "inspect":
        return answer(await inspectFolder(message.model, { engine, copyTo: message.copyTo }))
      case "stats":
        return answer({ type: "stats", stats: { ...engine.stats(), ...readMemory() } })
      default:
        return message satisfies never
    }
  })
  answer({ type: "ready" })
}

/** A model that cannot be loaded now may be by the time that a job asks for it. */
async function warm(held: LaneModels, model: ServedFolder): Promise<void> {
  try {
    await held.take(model)
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
  }
}

function readMemory(): Pick<LaneStats, "heapBytes" | "externalBytes"> {
  const { heapUsed, external } = process.memoryUsage()
  return { heapBytes: heapUsed, externalBytes: external }
}
