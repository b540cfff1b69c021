import { AppError } from "../../lib/app-error.ts"
import type { OperationOf } from "../../lib/operations/operations.ts"
import { refuseLargeOutput } from "../../lib/operations/planned-output.ts"
import { planOutput } from "../../lib/operations/resize.ts"
import { nativeWork, refuseMemory } from "../image/native-picture.ts"
import { makeFile } from "./make-file.ts"
import { encodeImage, type MadeFile, type NativeImage, sourceOf } from "./native-image.ts"
import type { Work } from "./work.ts"

type Options = Omit<OperationOf<"resize">, "name">
type Size = { width: number; height: number }

const NPY_MAGIC = "\x93NUMPY\x01\x00"
/** Magic, header's length and header fill whole multiples of this. */
const NPY_ALIGNMENT_BYTES = 64
/** The samples and the file; of JSON a text of each pixel and row, too. */
const ARRAY_BYTES_HELD_PER_PIXEL = { npy: 6, json: 120 }

export const resize: Work<"resize"> = ({ operation, bytes }, context) =>
  makeFile(bytes, context, (image) => resizeImage(image, operation))

/**
 * The picture at a size of your own, up or down; as an image, or as the array of its red, green and blue, [height, width, 3],
 * for who feeds it to a model.
 * @throws AppError side_too_long, too_many_pixels, output_too_large before any work
 */
export async function resizeImage(image: NativeImage, options: Options): Promise<MadeFile> {
  const { fit, quality } = options
  const planned = planOutput(options, sourceOf(image))
  refuseLargeOutput(planned, image.limits)
  const { format, width, height } = planned
  image.pipeline.resize({ width, height, fit: fit === "inside" ? "fill" : fit, background: "#000000" })
  return format === "json" || format === "npy"
    ? toArray(image, { format, width, height })
    : encodeImage(image, { format, quality, width, height })
}

async function toArray(
  image: NativeImage,
  { format, width, height }: Size & { format: "json" | "npy" },
): Promise<MadeFile> {
  refuseMemory(image, width * height * ARRAY_BYTES_HELD_PER_PIXEL[format])
  const samples = image.pipeline.flatten({ background: "#ffffff" }).toColourspace("srgb").raw({ depth: "uchar" })
  const { data: rgb, info } = await nativeWork(image, () => samples.toBuffer({ resolveWithObject: true }))
  const { channels } = info
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

/**
 * Red, green and blue as NumPy stores an array of shape [height, width, 3] and type uint8: `numpy.load()` reads it. Format 1.0,
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
function toNpy({ width, height, rgb }: Size & { rgb: Uint8Array }): Uint8Array {
  const dictionary = `{'descr': '|u1', 'fortran_order': False, 'shape': (${height}, ${width}, 3), }`
  const unpadded = NPY_MAGIC.length + 2 + dictionary.length + 1
  const padding = (NPY_ALIGNMENT_BYTES - (unpadded % NPY_ALIGNMENT_BYTES)) % NPY_ALIGNMENT_BYTES
  const header = Buffer.from(`${dictionary}${" ".repeat(padding)}\n`, "latin1")
  const length = Buffer.alloc(2)
  length.writeUInt16LE(header.length)
  return Buffer.concat([Buffer.from(NPY_MAGIC, "latin1"), length, header, rgb])
}
