import { AppError } from "../../lib/app-error.ts"
import type { OperationOf } from "../../lib/operations.ts"
import { nativeWork } from "../image/native-picture.ts"
import { makeFile } from "./make-file.ts"
import { encodeImage, type MadeFile, type NativeImage } from "./native-image.ts"
import { toNpy } from "./npy.ts"
import type { Work } from "./work.ts"

type Options = Omit<OperationOf<"resize">, "name">
type Size = { width: number; height: number }

/** `[255,255,255],` */
const JSON_BYTES_PER_PIXEL = 14
const NPY_BYTES_PER_PIXEL = 3
/** Of an array: no model takes larger ones, and as JSON it is held several times over. */
const MAX_ARRAY_BYTES = 50_000_000

export const resize: Work<"resize"> = ({ operation, bytes }, context) =>
  makeFile(bytes, context, (image) => resizeImage(image, operation))

/**
 * The picture at a size of your own, up or down; as an image, or as the array of its red, green and blue, [height, width, 3],
 * for who feeds it to a model.
 * @throws AppError too_many_pixels, output_too_large before any work
 */
export async function resizeImage(image: NativeImage, options: Options): Promise<MadeFile> {
  const { fit, quality } = options
  const format = options.format ?? usualFormat(image.header.format)
  const size = targetSize(image.metadata.autoOrient, options)
  refuseSize(size, format, image.limits.maxPixels)
  image.pipeline.resize({ ...size, fit: fit === "inside" ? "fill" : fit, background: "#000000" })
  return format === "json" || format === "npy" ? toArray(image, format) : encodeImage(image, { format, quality })
}

function usualFormat(format: string): "jpeg" | "png" | "webp" | "avif" {
  return format === "jpeg" || format === "webp" || format === "avif" ? format : "png"
}

/** A side that is not named follows from the shape; so does the smaller one of what must fit inside. */
function targetSize(source: Size, { width, height, fit }: Options): Size {
  if (width !== undefined && height !== undefined && fit !== "inside") return { width, height }
  const scaleX = width === undefined ? Number.POSITIVE_INFINITY : width / source.width
  const scaleY = height === undefined ? Number.POSITIVE_INFINITY : height / source.height
  const scale = Math.min(scaleX, scaleY)
  const side = (px: number) => Math.max(1, Math.round(px * scale))
  return { width: side(source.width), height: side(source.height) }
}

function refuseSize({ width, height }: Size, format: string, maxPixels: number): void {
  const pixels = width * height
  if (pixels > maxPixels) {
    throw new AppError("too_many_pixels", `Cannot resize image: ${width} × ${height} exceeds ${maxPixels} pixels`)
  }
  const arrayBytes = pixels * ({ json: JSON_BYTES_PER_PIXEL, npy: NPY_BYTES_PER_PIXEL }[format] ?? 0)
  if (arrayBytes > MAX_ARRAY_BYTES) {
    const message = `Cannot write ${width} × ${height} pixels as ${format}: ${arrayBytes} bytes exceeds ${MAX_ARRAY_BYTES}`
    throw new AppError("output_too_large", message)
  }
}

async function toArray(image: NativeImage, format: "json" | "npy"): Promise<MadeFile> {
  const samples = image.pipeline.flatten({ background: "#ffffff" }).toColourspace("srgb").raw({ depth: "uchar" })
  const { data: rgb, info } = await nativeWork(image, () => samples.toBuffer({ resolveWithObject: true }))
  const { width, height, channels } = info
  if (channels !== 3) throw new AppError("unsupported_image", "Cannot read image: its colours are not read")
  switch (format) {
    case "npy":
      return { bytes: toNpy({ width, height, rgb }), contentType: "application/x-npy", width, height }
    case "json":
      return { bytes: toPixelJson({ width, height, rgb }), contentType: "application/json", width, height }
    default:
      return format satisfies never
  }
}

/** Rows of pixels of three numbers, as `tolist()` of NumPy gives them. */
function toPixelJson({ width, height, rgb }: Size & { rgb: Uint8Array }): Uint8Array {
  const pixelAt = (at: number) => `[${rgb[at]},${rgb[at + 1]},${rgb[at + 2]}]`
  const rows = Array.from({ length: height }, (_row, y) => {
    const pixels = Array.from({ length: width }, (_pixel, x) => pixelAt((y * width + x) * 3))
    return `[${pixels}]`
  })
  return new TextEncoder().encode(`[${rows}]`)
}
