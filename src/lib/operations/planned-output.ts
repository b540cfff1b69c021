import { AppError } from "../app-error.ts"
import type { SizeLimits } from "../images/image-header.ts"
import { type EncodedFormat, OUTPUT_CAPS } from "./output-caps.ts"

export type OutputFormat = EncodedFormat | "json" | "npy"
/** What an operation is going to make. Width and height in pixels. */
export type PlannedOutput = {
  format: OutputFormat
  width: number
  height: number
  /** Pixels that are worked out for it, where those are more: `cover` scales the whole picture, and then crops. */
  scaledPixels?: number
}

/** A picture as it is seen: upright. Without `hasAlpha` it counts as opaque. */
export type SourcePicture = { format: string; width: number; height: number; hasAlpha?: boolean }

/** Of an array: no model takes larger ones, and as JSON it is held several times over. */
const MAX_ARRAY_BYTES = 50_000_000
/** The least and the most: `[0,0,0],` and `[255,255,255],`. */
const ARRAY_BYTES_PER_PIXEL = { json: { least: 8, most: 14 }, npy: { least: 3, most: 3 } }

export type PlanLimits = SizeLimits & {
  /** What the place that keeps outputs takes. */
  maxOutputBytes?: number
}

/**
 * Refuses, before any work, what would take too much of it, and what is certain to have too many bytes.
 * @throws AppError side_too_long, too_many_pixels, output_too_large
 */
export function refuseLargeOutput(planned: PlannedOutput, limits: PlanLimits): void {
  const { format, width, height, scaledPixels = 0 } = planned
  const [size, pixels, sidePx] = [`${width} × ${height}`, width * height, Math.max(width, height)]
  const cannot = `Cannot write ${size} pixels as ${format}`
  const isArray = format === "json" || format === "npy"
  const cap = isArray ? limits : OUTPUT_CAPS[format]
  const [maxPixels, maxSidePx] = [Math.min(cap.maxPixels, limits.maxPixels), Math.min(cap.maxSidePx, limits.maxSidePx)]
  if (sidePx > maxSidePx) throw new AppError("side_too_long", `${cannot}: a side has at most ${maxSidePx}`)
  if (pixels > maxPixels) {
    const message = `${cannot}: ${pixels} in all, and at most ${maxPixels} are written; ask for fewer, or for another format`
    throw new AppError("too_many_pixels", message)
  }
  // Sides are whole pixels: what covers may be a little more than what was asked for.
  if (scaledPixels > Math.max(limits.maxPixels, 1.01 * pixels)) {
    const message = `${cannot}: the picture would have ${Math.round(scaledPixels)} before it is cropped, more than ${limits.maxPixels}`
    throw new AppError("too_many_pixels", message)
  }
  if (!isArray) return
  const { least, most } = ARRAY_BYTES_PER_PIXEL[format]
  const { maxOutputBytes = Number.POSITIVE_INFINITY } = limits
  const [bytes, maxBytes] =
    pixels * most > MAX_ARRAY_BYTES ? [pixels * most, MAX_ARRAY_BYTES] : [pixels * least, maxOutputBytes]
  if (bytes > maxBytes) throw new AppError("output_too_large", `${cannot}: ${bytes} bytes exceeds ${maxBytes}`)
}

type Size = { width: number; height: number }

export function scaledSize({ width, height }: Size, scale: number): Size {
  const side = (px: number) => Math.max(1, Math.round(px * scale))
  return { width: side(width), height: side(height) }
}
