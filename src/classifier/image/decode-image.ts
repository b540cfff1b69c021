import { AppError } from "../../lib/app-error.ts"
import { IMAGE_FORMATS, type ImageHeader } from "../../lib/images/image-formats.ts"
import { listFormats, readImageHeader, refuseLargeImage, uprightSize } from "../../lib/images/image-header.ts"
import { imageTooLarge } from "../../lib/images/too-large.ts"
import type { Codec, DecodedImage, DecodeLimits } from "./codec.ts"

export type ImageLimits = DecodeLimits & {
  maxBytes: number
  /** What the place that keeps outputs takes; left out where it takes any. */
  maxOutputBytes?: number
}

/** Pixels, and what the file says of itself: `stored` is before its orientation and before any shrinking. */
export type Picture = { pixels: DecodedImage; stored: ImageHeader }

export type DecodeRequest = {
  codec: Codec
  limits: ImageLimits
  /** How many times smaller the picture may come out, given the size that a person sees. */
  maxShrink?: (seen: { width: number; height: number }) => number
}

/**
 * Decodes an image, holding what its header claims and what came out of it to the limits. Rejects with an AppError for
 * every input that gives no pixels.
 */
export async function decodeImage(bytes: Uint8Array, { codec, limits, maxShrink }: DecodeRequest): Promise<Picture> {
  if (bytes.byteLength === 0) throw new AppError("empty_body", "Cannot decode image: it has no bytes")
  if (bytes.byteLength > limits.maxBytes) {
    throw imageTooLarge(limits.maxBytes, bytes.byteLength)
  }
  const header = readImageHeader(bytes)
  if (!codec.formats.includes(header.format)) throw notReadBy(codec, header)
  refuseLargeImage(header, limits)
  const options = { ...limits, maxShrink: Math.max(1, maxShrink?.(uprightSize(header)) ?? 1) }
  return { pixels: await codec.decode(bytes, header, options), stored: header }
}

function notReadBy({ name, formats }: Codec, { format }: ImageHeader): AppError {
  const message = `Cannot decode image: ${IMAGE_FORMATS[format].title} is not read by the ${name} codec of this classifier`
  return new AppError("unsupported_image", `${message}; send ${listFormats(formats)}`)
}
