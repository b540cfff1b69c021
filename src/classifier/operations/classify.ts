import { AppError } from "../../lib/app-error.ts"
import { seenImage } from "../../lib/images/image-header.ts"
import type { ServingModel } from "../engine/serving-model.ts"
import { decodeImage } from "../image/decode-image.ts"
import { fillInput, type InputRule, maxShrinkFor } from "../image/fill-input.ts"
import { topK } from "./top-k.ts"
import type { Work } from "./work.ts"

/** From the bytes of an image to its predictions. */
export const classify: Work<"classify"> = async ({ operation, bytes }, context) => {
  const { model, codec, limits, isStopped, nowMs } = context
  if (!model) throw new AppError("unknown_model", "Cannot classify: no model was named")
  if (isStopped()) return null
  const startMs = nowMs()
  const rule = inputRule(model)
  const maxShrink = (seen: { width: number; height: number }) => maxShrinkFor(seen, rule)
  const { pixels, stored } = await decodeImage(bytes, { codec, limits, maxShrink })
  fillInput(model.input, pixels, rule)
  const decodedMs = nowMs()
  if (isStopped()) return null
  const { topK: count, threshold = 0, scores, lang } = operation
  const probabilities = await model.predict()
  return {
    modelVersion: model.info.version,
    predictions: topK(probabilities, model.labels(lang), count).filter(({ probability }) => probability >= threshold),
    ...(scores === true && { scores: Array.from(probabilities, roundScore) }),
    image: seenImage(stored),
    timingsMs: { decode: decodedMs - startMs, infer: nowMs() - decodedMs },
  }
}

/** A float has seven digits; the rest is how it is written in binary, and would triple the answer. */
const roundScore = (score: number) => Number(score.toPrecision(6))

function inputRule({ info, channels, manifest: { input, resize } }: ServingModel): InputRule {
  return {
    width: info.inputWidth,
    height: info.inputHeight,
    channels,
    mean: input.mean,
    std: input.std,
    fit: resize.fit,
    cropFraction: resize.crop_fraction,
  }
}
