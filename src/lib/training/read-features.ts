import { decodeBase64 } from "../base64.ts"

/** The features of a ticket, in either encoding. @throws RangeError for what holds no features */
export function readFeatures(features: readonly number[] | string | undefined): Float32Array {
  if (features === undefined) throw new RangeError("Cannot read features: the ticket has none")
  if (typeof features !== "string") return Float32Array.from(features)
  const view = new DataView(decodeBase64(features).buffer)
  return Float32Array.from({ length: view.byteLength / 4 }, (_, at) => view.getFloat32(4 * at, true))
}
