import type { ImageHeader } from "../../lib/image-header.ts"

export type DecodeLimits = {
  maxPixels: number
  /** What a decoder may hold at once for one image, by its own count. */
  maxDecodeBytes: number
}

/** Pixels as the file stores them, before its orientation: rows of red, green, blue, a byte each. */
export type DecodedImage = { width: number; height: number; rgb: Uint8Array }

/**
 * Turns the bytes of one format into pixels. Throws an AppError (invalid_image, unsupported_image, too_many_pixels) for
 * any bytes at all; what a library said stays in its cause.
 */
export type Codec = (bytes: Uint8Array, header: ImageHeader, limits: DecodeLimits) => DecodedImage
