import { AppError } from "../../lib/app-error.ts"
import { uprightSize } from "../../lib/image-header.ts"
import type { Codec } from "../image/codec.ts"
import { decodeImage, type ImageLimits } from "../image/decode-image.ts"
import { fillInput, type InputRule, maxShrinkFor } from "../image/fill-input.ts"
import type { LoadedModel } from "../models/load-model.ts"
import type { LaneJob, LaneResult } from "./lane-messages.ts"
import { topK } from "./top-k.ts"

export type ClassifyContext = {
  models: ReadonlyMap<string, LoadedModel>
  codec: Codec
  limits: ImageLimits
  isStopped: () => boolean
  nowMs: () => number
}

/** From the bytes of an image to its predictions; null when it was stopped on the way. Rejects with an AppError for bad input. */
export async function classify(job: LaneJob, context: ClassifyContext): Promise<LaneResult | null> {
  const { models, codec, limits, isStopped, nowMs } = context
  const model = models.get(job.modelId)
  if (!model) throw new AppError("unknown_model", `Cannot classify: no model ${job.modelId} is loaded here`)
  if (isStopped()) return null
  const startMs = nowMs()
  const rule = inputRule(model)
  const maxShrink = (seen: { width: number; height: number }) => maxShrinkFor(seen, rule)
  const { pixels, stored } = await decodeImage(job.bytes, { codec, limits, maxShrink })
  fillInput(model.input, pixels, rule)
  const decodedMs = nowMs()
  if (isStopped()) return null
  const predictions = topK(model.predict(), model.labels(job.language), job.topK)
  const { format, orientation } = stored
  return {
    modelVersion: model.info.version,
    predictions,
    image: { format, ...uprightSize(stored), orientation },
    timingsMs: { decode: decodedMs - startMs, infer: nowMs() - decodedMs },
  }
}

function inputRule({ info, manifest: { input, resize } }: LoadedModel): InputRule {
  return {
    width: info.inputWidth,
    height: info.inputHeight,
    mean: input.mean,
    std: input.std,
    fit: resize.fit,
    cropFraction: resize.crop_fraction,
  }
}
