import { AppError } from "../../lib/app-error.ts"
import { decodeImage, type ImageLimits } from "../image/decode-image.ts"
import { fillInput } from "../image/fill-input.ts"
import { orientedView } from "../image/orientation.ts"
import type { LoadedModel } from "../models/load-model.ts"
import type { LaneJob, LaneResult } from "./lane-messages.ts"
import { topK } from "./top-k.ts"

export type ClassifyContext = {
  models: ReadonlyMap<string, LoadedModel>
  limits: ImageLimits
  isStopped: () => boolean
  nowMs: () => number
}

/** From the bytes of an image to its predictions; null when it was stopped on the way. Throws an AppError for bad input. */
export function classify(job: LaneJob, { models, limits, isStopped, nowMs }: ClassifyContext): LaneResult | null {
  const model = models.get(job.modelId)
  if (!model) throw new AppError("unknown_model", `Cannot classify: no model ${job.modelId} is loaded here`)
  if (isStopped()) return null
  const startMs = nowMs()
  const picture = decodeImage(job.bytes, limits)
  const { input, resize } = model.manifest
  fillInput(model.input, picture, {
    width: model.info.inputWidth,
    height: model.info.inputHeight,
    mean: input.mean,
    std: input.std,
    fit: resize.fit,
    cropFraction: resize.crop_fraction,
  })
  const decodedMs = nowMs()
  if (isStopped()) return null
  const predictions = topK(model.predict(), model.labels(job.language), job.topK)
  const { width, height } = orientedView(picture, picture.orientation)
  return {
    modelVersion: model.info.version,
    predictions,
    image: { format: picture.format, width, height, orientation: picture.orientation },
    timingsMs: { decode: decodedMs - startMs, infer: nowMs() - decodedMs },
  }
}
