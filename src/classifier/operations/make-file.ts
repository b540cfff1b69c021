import { uprightSize } from "../../lib/images/image-header.ts"
import { type MadeFile, type NativeImage, openNativeImage } from "./native-image.ts"
import type { LaneResult, WorkContext } from "./work.ts"

/** The work of an operation that makes a file of a picture; null when it was stopped before. */
export async function makeFile(
  bytes: Uint8Array,
  { codec, limits, isStopped, nowMs }: WorkContext,
  make: (image: NativeImage) => Promise<MadeFile>,
): Promise<LaneResult | null> {
  const startMs = nowMs()
  const image = await openNativeImage(bytes, { codec: codec.name, limits })
  if (isStopped()) return null
  const made = await make(image)
  const { header } = image
  return {
    image: { format: header.format, ...uprightSize(header), orientation: header.orientation, frames: header.frames },
    made,
    timingsMs: { decode: nowMs() - startMs, infer: 0 },
  }
}
