import type { Sharp } from "sharp"
import { AppError } from "../../lib/app-error.ts"
import type { ImageHeader } from "../../lib/images/image-formats.ts"
import { readImageHeader, refuseLargeImage } from "../../lib/images/image-header.ts"
import { imageTooLarge } from "../../lib/images/too-large.ts"
import type { EncodedFormat } from "../../lib/operations/output-caps.ts"
import type { SourcePicture } from "../../lib/operations/planned-output.ts"
import type { CodecName } from "../image/codec.ts"
import type { ImageLimits } from "../image/decode-image.ts"
import { loadSharp } from "../image/load-sharp.ts"
import { turnedBytes } from "../image/native-decode-bytes.ts"
import { type NativePicture, nativeWork, openNativePicture, refuseMemory } from "../image/native-picture.ts"

/** How a picture is encoded, and at which size; quality 1 is worst and 100 best. */
export type Encoding = { format: EncodedFormat; quality: number; width: number; height: number }

/** A file that an operation has made. */
export type MadeFile = { bytes: Uint8Array; contentType: string; width: number; height: number }

export type NativeImage = NativePicture & { header: ImageHeader; limits: ImageLimits }

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
  const picture = await openNativePicture(await loadSharp(), bytes, { header, limits })
  const { metadata, pipeline, decodeBytes } = picture
  return {
    header,
    metadata,
    pipeline: pipeline.autoOrient(),
    decodeBytes: decodeBytes + turnedBytes(header, metadata),
    limits,
  }
}

/** The picture as what is made of it is planned from. */
export function sourceOf({ header, metadata }: NativeImage): SourcePicture {
  return { format: header.format, ...metadata.autoOrient, hasAlpha: metadata.hasAlpha }
}

/** Runs what was asked of the picture. @throws AppError */
export async function encodeImage(image: NativeImage, encoding: Encoding): Promise<MadeFile> {
  refuseMemory(image, encoderBytes(encoding, image.metadata.hasAlpha))
  const { data, info } = await nativeWork(image, async () => {
    try {
      return await encoder(image.pipeline, encoding).toBuffer({ resolveWithObject: true })
    } catch (cause) {
      if (!(cause instanceof Error && cause.message.includes("unable to encode"))) throw cause
      const message = `Cannot write image: it has more detail than a ${encoding.format} of its size can hold`
      throw new AppError("output_too_large", message, { cause })
    }
  })
  return { bytes: data, contentType: `image/${encoding.format}`, width: info.width, height: info.height }
}

/**
 * What encoders may spend on a smaller file depends on how many pixels there are, so that noise at any size takes 6 s at most
 * (docs/decisions/0014-heavy-work.md).
 */
function encoder(pipeline: Sharp, { format, quality, width, height }: Encoding): Sharp {
  const pixels = width * height
  switch (format) {
    case "jpeg": {
      const opaque = pipeline.flatten({ background: "#ffffff" })
      return usesTrellis(pixels, quality)
        ? opaque.jpeg({ quality, mozjpeg: true })
        : opaque.jpeg({ quality, progressive: true })
    }
    case "png":
      return pipeline.png({ compressionLevel: pixels <= 16_000_000 ? 6 : 4 })
    case "webp":
      return pipeline.webp({ quality, effort: pixels <= 6_000_000 ? 4 : 2 })
    case "avif":
      return pipeline.avif({ quality, effort: pixels <= 2_000_000 ? 2 : 0 })
    default:
      return format satisfies never
  }
}

const usesTrellis = (pixels: number, quality: number) => pixels <= (quality <= 60 ? 12_500_000 : 4_000_000)

/** What an encoder and the file it writes take at most, as measured on noise with that effort (docs/decisions/0014-heavy-work.md). */
function encoderBytes({ format, quality, width, height }: Encoding, hasAlpha: boolean): number {
  const pixels = width * height
  switch (format) {
    case "jpeg":
      return pixels * (usesTrellis(pixels, quality) ? 21 : 8)
    case "png":
      return pixels * (hasAlpha ? 11 : 8)
    case "webp":
      return pixels * (hasAlpha || pixels <= 6_000_000 ? 37 : 16)
    case "avif":
      return pixels * (pixels <= 2_000_000 ? 87 : 68)
    default:
      return format satisfies never
  }
}
