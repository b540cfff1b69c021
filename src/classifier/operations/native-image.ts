import type { Metadata, Sharp } from "sharp"
import { AppError } from "../../lib/app-error.ts"
import { type ImageHeader, readImageHeader, refuseLargeImage } from "../../lib/image-header.ts"
import { imageTooLarge } from "../../lib/too-large.ts"
import type { CodecName } from "../image/codec.ts"
import type { ImageLimits } from "../image/decode-image.ts"
import { loadSharp } from "../image/load-sharp.ts"
import { nativeWork, openNativePicture } from "../image/native-picture.ts"

/** How a picture is encoded; 1 is worst and 100 best. */
export type Encoding = { format: "jpeg" | "png" | "webp" | "avif"; quality: number }

/** A file that an operation has made. */
export type MadeFile = { bytes: Uint8Array; contentType: string; width: number; height: number }

export type NativeImage = { header: ImageHeader; metadata: Metadata; pipeline: Sharp; limits: ImageLimits }

/**
 * Opens an image to make another of it: the first frame, upright, in sRGB, and without its metadata, which libvips writes
 * only when told to.
 * @throws AppError codec_missing with the portable codec; for what the header or the limits forbid
 */
export async function openNativeImage(
  bytes: Uint8Array,
  { codec, limits }: { codec: CodecName; limits: ImageLimits },
): Promise<NativeImage> {
  if (codec !== "native") {
    throw new AppError(
      "codec_missing",
      "Cannot run this operation: it needs the native codec, and this classifier runs without",
    )
  }
  if (bytes.byteLength > limits.maxBytes) {
    throw imageTooLarge(limits.maxBytes, bytes.byteLength)
  }
  const header = readImageHeader(bytes)
  refuseLargeImage(header, limits)
  const { metadata, pipeline } = await openNativePicture(await loadSharp(), bytes, { header, limits })
  return { header, metadata, pipeline: pipeline.autoOrient(), limits }
}

/** Runs what was asked of the picture. @throws AppError */
export async function encodeImage(image: NativeImage, encoding: Encoding): Promise<MadeFile> {
  const { data, info } = await nativeWork(image, () =>
    encoder(image.pipeline, encoding).toBuffer({ resolveWithObject: true }),
  )
  return { bytes: data, contentType: `image/${encoding.format}`, width: info.width, height: info.height }
}

function encoder(pipeline: Sharp, { format, quality }: Encoding): Sharp {
  switch (format) {
    case "jpeg":
      return pipeline.flatten({ background: "#ffffff" }).jpeg({ quality, mozjpeg: true })
    case "png":
      return pipeline.png()
    case "webp":
      return pipeline.webp({ quality })
    case "avif":
      // The default effort takes seconds for a phone's picture, and saves a few per cent.
      return pipeline.avif({ quality, effort: 2 })
    default:
      return format satisfies never
  }
}
