import { AppError } from "../../lib/app-error.ts"
import type { ServingModel } from "../engine/serving-model.ts"
import { decodeImage } from "../image/decode-image.ts"
import { fillInput, type InputRule, maxShrinkFor } from "../image/fill-input.ts"
import type { WorkContext } from "./work.ts"

/** Fills the model's input with an image; null when the work was stopped before or after. */
export async function readInput(bytes: Uint8Array, { model, codec, limits, isStopped, nowMs }: WorkContext) {
  if (!model) throw new AppError("unknown_model", "Cannot run the model: none was named")
  if (isStopped()) return null
  const startMs = nowMs()
  const rule = inputRule(model)
  const maxShrink = (seen: { width: number; height: number }) => maxShrinkFor(seen, rule)
  const { pixels, stored } = await decodeImage(bytes, { codec, limits, maxShrink })
  fillInput(model.input, pixels, rule)
  return isStopped() ? null : { model, stored, startMs, decodedMs: nowMs() }
}

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
