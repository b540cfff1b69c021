import type { Sharp } from "sharp"
import { AppError } from "../../lib/app-error.ts"
import type { ImageFormat, ImageHeader } from "../../lib/image-header.ts"
import type { Codec, DecodedImage, DecodeOptions } from "./codec.ts"
import type { SharpModule } from "./load-sharp.ts"
import { type NativePicture, nativeWork, openNativePicture } from "./native-picture.ts"

const FORMATS: readonly ImageFormat[] = ["jpeg", "png", "webp", "avif", "gif", "tiff"]
/**
 * sharp lets a JPEG be decoded at an eighth, a fourth or half its size, but only for a target smaller still. These are
 * the nearest such targets; what is left to do is done by leaving out pixels, which costs next to nothing and no accuracy
 * (docs/decisions/0009-codecs.md).
 */
const JPEG_SHRINKS = [9, 5, 3]

/** libvips: all formats, each decoded no larger than it has to be. Of a moving picture it takes the first frame. */
export function createNativeCodec(sharp: SharpModule): Codec {
  const decode = (bytes: Uint8Array, header: ImageHeader, options: DecodeOptions): Promise<DecodedImage> =>
    nativeWork({ header, limits: options }, async () => {
      const picture = await openNativePicture(sharp, bytes, { header, limits: options })
      const { data, info } = await toRgb(picture, options.maxShrink).toBuffer({ resolveWithObject: true })
      if (info.channels !== 3) throw new AppError("unsupported_image", "Cannot decode image: its colours are not read")
      return { width: info.width, height: info.height, rgb: data, orientation: orientationLeft(header) }
    })
  return { name: "native", formats: FORMATS, decode }
}

function toRgb({ pipeline, metadata: { format, width, height } }: NativePicture, maxShrink: number): Sharp {
  const shrink = format === "jpeg" ? JPEG_SHRINKS.find((factor) => factor <= maxShrink) : Math.floor(maxShrink)
  if (shrink !== undefined && shrink > 1) {
    const side = (sidePx: number) => Math.max(1, Math.floor(sidePx / shrink))
    pipeline.resize(side(width), side(height), { fit: "fill", kernel: "nearest" })
  }
  // What is transparent shows white, as on most pages.
  return pipeline.flatten({ background: "#ffffff" }).raw()
}

/** libheif turns and mirrors by itself; the other loaders leave pixels as they are stored. */
function orientationLeft({ format, orientation }: ImageHeader): number {
  return format === "avif" ? 1 : orientation
}
