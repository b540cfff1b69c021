import { seenImage } from "../../lib/images/image-header.ts"
import { readInput } from "./read-input.ts"
import { topK } from "./top-k.ts"
import type { Work } from "./work.ts"

/** From the bytes of an image to its predictions. */
export const classify: Work<"classify"> = async ({ operation, bytes }, context) => {
  const read = await readInput(bytes, context)
  if (read === null) return null
  const { model, stored, startMs, decodedMs } = read
  const { topK: count, threshold, scores, lang } = operation
  const probabilities = await model.predict()
  // What the caller says counts, then what the model's folder says.
  const least = (classIndex: number) => threshold ?? model.thresholds?.[classIndex] ?? 0
  const best = topK(probabilities, model.labels(lang), count)
  return {
    modelVersion: model.info.version,
    predictions: best.filter(({ classIndex, probability }) => probability >= least(classIndex)),
    ...(isUnknown(probabilities, model.manifest.unknown_below) && { unknown: true }),
    ...(scores === true && { scores: Array.from(probabilities, roundScore) }),
    image: seenImage(stored),
    timingsMs: { decode: decodedMs - startMs, infer: context.nowMs() - decodedMs },
  }
}

const isUnknown = (probabilities: Float32Array, below = 0) => probabilities.every((value) => value < below)

/** A float has seven digits; the rest is how it is written in binary, and would triple the answer. */
const roundScore = (score: number) => Number(score.toPrecision(6))
