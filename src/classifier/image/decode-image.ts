import { AppError } from "../../lib/app-error.ts"
import { type ImageHeader, readImageHeader } from "../../lib/image-header.ts"
import type { Codec, DecodedImage, DecodeLimits } from "./codec.ts"
import { decodeJpeg } from "./jpeg.ts"
import { decodePng } from "./png.ts"

export type ImageLimits = DecodeLimits & { maxBytes: number }

export type Picture = DecodedImage & { format: string; orientation: number }

const CODECS: Readonly<Record<string, Codec | undefined>> = { jpeg: decodeJpeg, png: decodePng }

/**
 * Decodes an image, holding what its header claims and what came out of it to the limits. Throws an AppError for every
 * input that gives no pixels.
 */
export function decodeImage(bytes: Uint8Array, limits: ImageLimits): Picture {
  if (bytes.byteLength === 0) throw new AppError("empty_body", "Cannot decode image: it has no bytes")
  if (bytes.byteLength > limits.maxBytes) {
    throw new AppError("image_too_large", `Cannot decode image: ${bytes.byteLength} bytes exceeds ${limits.maxBytes}`)
  }
  const header = readImageHeader(bytes)
  const codec = CODECS[header.format]
  if (!codec) throw new AppError("unsupported_image", `Cannot decode image: ${header.format} is not JPEG or PNG`)
  refuseSize(header, limits)
  const image = codec(bytes, header, limits)
  // A header can lie: the decoder read its own.
  if (image.width !== header.width || image.height !== header.height) {
    throw new AppError("invalid_image", "Cannot decode image: its header and its content differ in size")
  }
  return { ...image, format: header.format, orientation: header.orientation }
}

function refuseSize({ width, height }: ImageHeader, { maxPixels }: DecodeLimits): void {
  if (width < 1 || height < 1) throw new AppError("invalid_image", `Cannot decode image: it is ${width} × ${height}`)
  if (width * height > maxPixels) {
    throw new AppError("too_many_pixels", `Cannot decode image: ${width} × ${height} exceeds ${maxPixels} pixels`)
  }
}
