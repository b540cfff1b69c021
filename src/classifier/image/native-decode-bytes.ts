import type { Metadata } from "sharp"
import type { ImageHeader } from "../../lib/image-header.ts"

/** Rows that a decoder and the steps after it hold of a picture that streams, counted high. */
const STREAMED_ROWS = 512

/** What libvips holds at most of the stored picture while it decodes it, from how each format's decoder works. */
export function nativeDecodeBytes({ format, width, height }: ImageHeader, metadata: Metadata): number {
  const { channels, isProgressive = false, depth } = metadata
  const sampleBytes = depth === "uchar" || depth === "char" ? 1 : depth.endsWith("short") ? 2 : 8
  const pixels = width * height
  const streamed = Math.min(pixels, width * STREAMED_ROWS) * channels * sampleBytes
  switch (format) {
    case "jpeg":
      // A progressive one keeps the coefficients of all its scans, 16 bits each.
      return isProgressive ? pixels * channels * 2 + streamed : streamed
    case "png":
      return isProgressive ? pixels * channels * sampleBytes + streamed : streamed
    case "tiff":
      // A file may be one single strip.
      return pixels * channels * sampleBytes + streamed
    case "gif":
      return pixels * 6
    case "webp":
      return pixels * 8
    case "avif":
      // All planes, at 16 bits where it likes, and their conversion: 18 were measured.
      return pixels * 20
    default:
      return format satisfies never
  }
}
