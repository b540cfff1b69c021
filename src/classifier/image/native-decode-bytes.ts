import type { Metadata } from "sharp"
import type { ImageHeader } from "../../lib/images/image-formats.ts"
import { jpegCoefficientBytes } from "./jpeg-frame.ts"

/** Rows that decoder, colour conversion and resize hold of a picture that streams: 1,107 is the most that was measured. */
const STREAMED_ROWS = 1_152
/** Rows beside a picture that its decoder keeps as a whole. */
const ROWS_BESIDE = 700
const FLOAT_ROWS = 128

/**
 * What libvips holds at most of the stored picture while it decodes it, from how each format's decoder works; what is made of
 * it comes on top. `npm run bench:decode-memory` holds the numbers against measured peaks.
 */
export function nativeDecodeBytes(bytes: Uint8Array, header: ImageHeader, metadata: Metadata): number {
  const { format, width, height } = header
  const { channels, isProgressive = false, depth } = metadata
  const pixelBytes = channels * (depth === "uchar" || depth === "char" ? 1 : depth.endsWith("short") ? 2 : 8)
  const pixels = width * height
  // What is transparent is multiplied out, in floats.
  const floats = metadata.hasAlpha ? Math.min(height, FLOAT_ROWS) * width * channels * 4 : 0
  const streamed = Math.min(height, STREAMED_ROWS) * width * pixelBytes + floats
  const whole = (bytesPerPixel: number) => pixels * bytesPerPixel + Math.min(height, ROWS_BESIDE) * width * pixelBytes
  switch (format) {
    case "jpeg":
      return jpegCoefficientBytes(bytes, header) + streamed
    case "png":
      return isProgressive ? whole(pixelBytes) : streamed
    case "tiff":
      // A file may be one single strip.
      return whole(pixelBytes)
    case "gif":
      return whole(8)
    case "webp":
      return whole(8)
    case "avif":
      // All planes, at 16 bits where it likes, and their conversion.
      return whole(20)
    default:
      return format satisfies never
  }
}

/** What a picture that has to be turned is copied to. */
export function turnedBytes({ width, height }: ImageHeader, { channels, depth, orientation = 1 }: Metadata): number {
  return orientation === 1 ? 0 : width * height * channels * (depth === "uchar" ? 1 : 2)
}
