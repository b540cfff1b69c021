import type { Sharp } from "sharp"
import { AppError } from "../../lib/app-error.ts"
import type { ImageFormat, ImageHeader } from "../../lib/images/image-formats.ts"
import type { Codec, DecodedImage, DecodeOptions } from "./codec.ts"
import type { SharpModule } from "./load-sharp.ts"
import { type NativePicture, nativeWork, openNativePicture, refuseMemory } from "./native-picture.ts"

const FORMATS: readonly ImageFormat[] = ["jpeg", "png", "webp", "avif", "gif", "tiff"]
/**
 * sharp lets a JPEG be decoded at an eighth, a fourth or half its size, but only for a target smaller still. These are
 * the nearest such targets; what is left to do is done by leaving out pixels, which costs next to nothing and no accuracy
 * (docs/decisions/0009-codecs.md).
 */
const JPEG_SHRINKS = [9, 5, 3]

type Size = { width: number; height: number }

/** libvips: all formats, each decoded no larger than it has to be. Of a moving picture it takes the first frame. */
export function createNativeCodec(sharp: SharpModule): Codec {
  const decode = (bytes: Uint8Array, header: ImageHeader, options: DecodeOptions): Promise<DecodedImage> =>
    nativeWork({ header, limits: options }, async () => {
      const picture = await openNativePicture(sharp, bytes, { header, limits: options })
      const { width, height } = shrunkSize(picture.metadata, options.maxShrink)
      refuseMemory({ ...picture, header, limits: options }, width * height * 3)
      const { data, info } = await toRgb(picture, { width, height }).toBuffer({ resolveWithObject: true })
      if (info.channels !== 3) throw new AppError("unsupported_image", "Cannot decode image: its colours are not read")
      return { width: info.width, height: info.height, rgb: data, orientation: orientationLeft(header) }
    })
  return { name: "native", formats: FORMATS, decode }
}

function shrunkSize({ format, width, height }: Size & { format: string }, maxShrink: number): Size {
  const factors = format === "jpeg" ? JPEG_SHRINKS.find((factor) => factor <= maxShrink) : Math.floor(maxShrink)
  const shrink = Math.max(1, factors ?? 1)
  const side = (sidePx: number) => Math.max(1, Math.floor(sidePx / shrink))
  return { width: side(width), height: side(height) }
}

function toRgb({ pipeline, metadata }: NativePicture, { width, height }: Size): Sharp {
  if (width < metadata.width || height < metadata.height) {
    pipeline.resize(width, height, { fit: "fill", kernel: "nearest" })
  }
  // What is transparent shows white, as on most pages.
  return pipeline.flatten({ background: "#ffffff" }).raw()
}

/** libheif turns and mirrors by itself; the other loaders leave pixels as they are stored. */
function orientationLeft({ format, orientation }: ImageHeader): number {
  return format === "avif" ? 1 : orientation
}
