import type { Metadata, Sharp } from "sharp"
import { AppError } from "../../lib/app-error.ts"
import { type ImageFormat, type ImageHeader, refuseManyPixels, uprightSize } from "../../lib/image-header.ts"
import type { Codec, DecodedImage, DecodeOptions } from "./codec.ts"
import type { SharpModule } from "./load-sharp.ts"
import { nativeDecodeBytes } from "./native-decode-bytes.ts"

const FORMATS: readonly ImageFormat[] = ["jpeg", "png", "webp", "avif", "gif", "tiff"]
/**
 * sharp lets a JPEG be decoded at an eighth, a fourth or half its size, but only for a target smaller still. These are
 * the nearest such targets; what is left to do is done by leaving out pixels, which costs next to nothing and no accuracy
 * (docs/decisions/0009-codecs.md).
 */
const JPEG_SHRINKS = [9, 5, 3]

/** libvips: all formats, each decoded no larger than it has to be. Of a moving picture it takes the first frame. */
export function createNativeCodec(sharp: SharpModule): Codec {
  const decode = async (bytes: Uint8Array, header: ImageHeader, options: DecodeOptions): Promise<DecodedImage> => {
    const open = (): Sharp =>
      sharp(bytes, {
        // The decoder's own reading of the size is held to the limit too. All else that libvips bounds stays bounded.
        limitInputPixels: options.maxPixels,
        unlimited: false,
        // Truncated and damaged pictures fail; what decoders only warn of (stray bytes, odd tags) does not.
        failOn: "error",
        sequentialRead: true,
        pages: 1,
      })
    try {
      const metadata = await open().metadata()
      refuseLies(metadata, header, options.maxPixels)
      refuseMemory(header, metadata, options.maxDecodeBytes)
      const { data, info } = await pipeline(open(), metadata, options).toBuffer({ resolveWithObject: true })
      if (info.channels !== 3) throw new AppError("unsupported_image", "Cannot decode image: its colours are not read")
      return { width: info.width, height: info.height, rgb: data, orientation: orientationLeft(header) }
    } catch (error) {
      throw error instanceof AppError ? error : asAppError(error, header, options)
    }
  }
  return { name: "native", formats: FORMATS, decode }
}

function pipeline(picture: Sharp, metadata: Metadata, { maxShrink, maxDecodeMs }: DecodeOptions): Sharp {
  const { width, height, format, depth, hasProfile } = metadata
  const shrink = format === "jpeg" ? JPEG_SHRINKS.find((factor) => factor <= maxShrink) : Math.floor(maxShrink)
  if (shrink !== undefined && shrink > 1) {
    const side = (sidePx: number) => Math.max(1, Math.floor(sidePx / shrink))
    picture.resize(side(width), side(height), { fit: "fill", kernel: "nearest" })
  }
  // sharp takes 16 bits with a profile to Display P3, and would leave them there.
  if (hasProfile && depth === "ushort") picture.withIccProfile("srgb")
  // What is transparent shows white, as on most pages.
  return picture
    .flatten({ background: "#ffffff" })
    .timeout({ seconds: Math.ceil(maxDecodeMs / 1_000) })
    .raw()
}

/** libheif turns and mirrors by itself; the other loaders leave pixels as they are stored. */
function orientationLeft({ format, orientation }: ImageHeader): number {
  return format === "avif" ? 1 : orientation
}

function refuseLies({ format, width, height }: Metadata, header: ImageHeader, maxPixels: number): void {
  const stored = header.format === "avif" ? uprightSize(header) : header
  const isSame = (format === "heif" ? "avif" : format) === header.format
  // What a GIF claims as its screen is often not its picture's size, and libvips goes by the picture.
  if (header.format === "gif") refuseManyPixels({ ...header, pixels: width * height * header.frames }, maxPixels)
  if (isSame && (format === "gif" || (width === stored.width && height === stored.height))) return
  throw new AppError("invalid_image", "Cannot decode image: its header and its content differ in size or format")
}

function refuseMemory(header: ImageHeader, metadata: Metadata, maxDecodeBytes: number): void {
  const decodeBytes = nativeDecodeBytes(header, metadata)
  if (decodeBytes <= maxDecodeBytes) return
  const size = `${header.width} × ${header.height}`
  throw new AppError("too_many_pixels", `Cannot decode image: ${size} needs ${decodeBytes} bytes of memory`)
}

function asAppError(cause: unknown, { format }: ImageHeader, { maxPixels, maxDecodeMs }: DecodeOptions): AppError {
  const text = cause instanceof Error ? cause.message : ""
  if (text.includes("exceeds pixel limit")) {
    return new AppError("too_many_pixels", `Cannot decode image: it exceeds ${maxPixels} pixels`, { cause })
  }
  if (text.includes("timeout:")) {
    return new AppError("job_timeout", `Cannot decode image: it takes longer than ${maxDecodeMs} ms`, { cause })
  }
  if (/unsupported|not supported|no support/i.test(text)) {
    return new AppError("unsupported_image", `Cannot decode image: a kind of ${format} not read here`, { cause })
  }
  return new AppError("invalid_image", `Cannot decode image: the ${format} is damaged or cut off`, { cause })
}
