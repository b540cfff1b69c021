import { AppError } from "../../lib/app-error.ts"
import type { Prediction } from "../../lib/queue/job.ts"
import { type ServingModel, servingModel } from "../engine/serving-model.ts"
import { loadModel } from "../engine/tfjs/load-model.ts"
import { planModel } from "../engine/tfjs/plan-model.ts"
import { startWasm, wasmBytes } from "../engine/tfjs/start-wasm.ts"
import { type CodecName, DEFAULT_MAX_DECODE_BYTES } from "../image/codec.ts"
import type { ImageLimits } from "../image/decode-image.ts"
import { openCodec } from "../image/open-codec.ts"
import { ModelError } from "../models/model-error.ts"
import { assertModelId } from "../models/model-id.ts"
import type { EngineName } from "../models/model-info.ts"
import { classify } from "../operations/classify.ts"
import { engineFact, factsOf, type ModelFact } from "./model-facts.ts"

const LIMITS: ImageLimits = {
  maxPixels: 50_000_000,
  maxBytes: 50_000_000,
  maxSidePx: 65_535,
  maxDecodeBytes: DEFAULT_MAX_DECODE_BYTES,
  maxDecodeMs: 60_000,
}

export type CheckReport =
  | {
      ok: true
      id: string
      version: string
      facts: ModelFact[]
      /** Of the picture that was run; the times are medians. */
      picture: { predictions: Prediction[]; decodeMs: number; inferMs: number; runs: number }
      loadMs: number
      /** Weights by TF.js's count; the heap of WASM and the process, as large as they became. */
      memory: { weightBytes: number; wasmBytes: number; processBytes: number }
    }
  | { ok: false; code: string; message: string }

export type Check = {
  id: string
  folder: string
  codec: CodecName
  engine: EngineName
  picture: Uint8Array
  runs: number
}

/** Loads a model as a lane does, runs a picture through it, and says what was found. */
export async function checkModel({ id, folder, codec, engine, picture, runs }: Check): Promise<CheckReport> {
  await startWasm()
  try {
    const startMs = performance.now()
    assertModelId(id)
    const model = await loadModel(id, folder)
    const planned = await planModel(model, engine)
    const serving = planned.plan === null ? model : servingModel(model.description, planned.network)
    const loadMs = performance.now() - startMs
    return {
      ok: true,
      id,
      version: model.info.version,
      facts: [...factsOf(model), engineFact(engine, planned)],
      picture: await runPicture(serving, { picture, codec, runs }),
      loadMs,
      memory: {
        weightBytes: serving.info.memoryBytes,
        wasmBytes: wasmBytes(),
        processBytes: process.memoryUsage.rss(),
      },
    }
  } catch (error) {
    if (!(error instanceof ModelError || error instanceof AppError)) throw error
    return { ok: false, code: error.code, message: error.message }
  }
}

type Run = Pick<Check, "picture" | "codec" | "runs">

async function runPicture(model: ServingModel, { picture, codec, runs }: Run) {
  const context = {
    model,
    codec: await openCodec(codec),
    limits: LIMITS,
    isStopped: () => false,
  }
  const times: { decode: number; infer: number }[] = []
  let predictions: Prediction[] = []
  for (let run = 0; run < runs; run++) {
    const job = { operation: { name: "classify", topK: 5 }, bytes: picture.slice() } as const
    const result = await classify(job, { ...context, nowMs: () => performance.now() })
    if (result === null) throw new Error("The run was stopped, though nobody asked for that")
    predictions = result.predictions ?? []
    times.push(result.timingsMs)
  }
  const [decodeMs, inferMs] = [median(times.map(({ decode }) => decode)), median(times.map(({ infer }) => infer))]
  return { predictions, decodeMs, inferMs, runs }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
