import { AppError } from "../../lib/app-error.ts"
import { IMAGE_FORMATS, type ImageFormat, type ImageHeader } from "../../lib/images/image-formats.ts"
import type { SizeLimits } from "../../lib/images/image-header.ts"

export const CODEC_NAMES = ["native", "portable"] as const
export type CodecName = (typeof CODEC_NAMES)[number]

/** MAX_DECODE_BYTES unless set: with it no picture takes a lane 600 MB above what it has when idle. */
export const DEFAULT_MAX_DECODE_BYTES = 600_000_000

export type DecodeLimits = SizeLimits & {
  /** What a decoder may hold at once for one image, by its own count. */
  maxDecodeBytes: number
  /** How long a decode may run that can be ended; the lane's own time-out ends the others. */
  maxDecodeMs: number
}

export type DecodeOptions = DecodeLimits & {
  /** The picture may come out smaller than stored by up to this factor, where that is cheaper. At least 1. */
  maxShrink: number
}

/** The one answer to a picture that takes more memory than a decoder may hold. @throws AppError too_many_pixels */
export function refuseDecodeBytes(
  { format, width, height }: Pick<ImageHeader, "format" | "width" | "height">,
  needsBytes: number,
  maxDecodeBytes: number,
): void {
  if (needsBytes <= maxDecodeBytes) return
  const what = `Cannot decode image: this ${IMAGE_FORMATS[format].title} of ${width} × ${height} needs ${Math.ceil(needsBytes)} bytes of memory`
  throw new AppError("too_many_pixels", `${what}, and a lane has ${maxDecodeBytes} (MAX_DECODE_BYTES)`)
}

/** Rows of red, green and blue, a byte each, as the file stores them. */
export type StoredImage = { width: number; height: number; rgb: Uint8Array }

/** Pixels that are yet to be oriented (EXIF, 1 to 8). */
export type DecodedImage = StoredImage & { orientation: number }

/**
 * Turns the bytes of an image into pixels. `decode` rejects with an AppError (invalid_image, unsupported_image,
 * side_too_long, too_many_pixels, job_timeout) for any bytes at all; what a library said stays in its cause.
 */
export type Codec = {
  name: CodecName
  formats: readonly ImageFormat[]
  decode: (bytes: Uint8Array, header: ImageHeader, options: DecodeOptions) => Promise<DecodedImage>
}
