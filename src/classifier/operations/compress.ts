import { AppError } from "../../lib/app-error.ts"
import { planOutput } from "../../lib/operations/compress.ts"
import type { OperationOf } from "../../lib/operations/operations.ts"
import { refuseLargeOutput } from "../../lib/operations/planned-output.ts"
import { stripMetadata } from "../image/strip-metadata.ts"
import { makeFile } from "./make-file.ts"
import { encodeImage, type MadeFile, type NativeImage, sourceOf } from "./native-image.ts"
import type { Work } from "./work.ts"

type Options = Omit<OperationOf<"compress">, "name">

export const compress: Work<"compress"> = ({ operation, bytes }, context) =>
  makeFile(bytes, context, (image) => compressImage(bytes, image, operation))

/**
 * A smaller file of the same picture, without its metadata. Never more bytes or pixels than there were: where encoding
 * again does not pay, the picture comes back as it was, its metadata cut out.
 * @throws AppError side_too_long, too_many_pixels before any work; not_smaller where neither is possible
 */
export async function compressImage(bytes: Uint8Array, image: NativeImage, options: Options): Promise<MadeFile> {
  const { header, metadata } = image
  const planned = planOutput(options, sourceOf(image))
  refuseLargeOutput(planned, image.limits)
  if (options.scale < 1) image.pipeline.resize({ width: planned.width, height: planned.height, fit: "fill" })
  const made = await encodeImage(image, { ...planned, quality: options.quality })
  if (made.bytes.byteLength <= bytes.byteLength) return made

  const isBare = !(metadata.exif || metadata.xmp || metadata.iptc)
  const kept = stripMetadata(bytes, header) ?? (header.format === "avif" && isBare ? bytes : null)
  if (kept !== null && kept.byteLength <= bytes.byteLength) {
    return { bytes: kept, contentType: `image/${header.format}`, ...metadata.autoOrient }
  }
  const message = `Cannot compress image: it would have ${made.bytes.byteLength} bytes, and has ${bytes.byteLength} now`
  throw new AppError("not_smaller", message)
}
