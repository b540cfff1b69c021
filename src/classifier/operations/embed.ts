import { AppError } from "../../lib/app-error.ts"
import { seenImage } from "../../lib/images/image-header.ts"
import { readInput } from "./read-input.ts"
import type { Work } from "./work.ts"

/** From the bytes of an image to the features of a model. */
export const embed: Work<"embed"> = async ({ operation, bytes }, context) => {
  const read = await readInput(bytes, context)
  if (read === null) return null
  const { model, stored, startMs, decodedMs } = read
  const features = await model.embed()
  if (features === null) {
    const message = `Cannot embed: ${model.info.id} does not end in a dense layer, whose input the features are`
    throw new AppError("no_features", message)
  }
  const values = operation.normalize === true ? unitLength(features) : features
  return {
    modelVersion: model.info.version,
    features: operation.base64 === true ? toBase64(values) : Array.from(values, shortNumber),
    image: seenImage(stored),
    timingsMs: { decode: decodedMs - startMs, infer: context.nowMs() - decodedMs },
  }
}

function unitLength(values: Float32Array): Float32Array {
  const length = Math.hypot(...values)
  return length === 0 ? values : values.map((value) => value / length)
}

/** A float has seven digits. */
const shortNumber = (value: number) => Number(value.toPrecision(7))

function toBase64(values: Float32Array): string {
  const bytes = Buffer.alloc(values.byteLength)
  for (const [at, value] of values.entries()) bytes.writeFloatLE(value, 4 * at)
  return bytes.toString("base64")
}
