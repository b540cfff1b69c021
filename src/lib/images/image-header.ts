import { AppError } from "../app-error.ts"
import { isAvif, readAvifHeader } from "./avif-header.ts"
import { readGifHeader } from "./gif-header.ts"
import { type HeaderFacts, IMAGE_FORMATS, type ImageFormat, type ImageHeader } from "./image-formats.ts"
import { readJpegHeader } from "./jpeg-header.ts"
import { readPngHeader } from "./png-header.ts"
import { readTiffHeader } from "./tiff-header.ts"
import { readWebpHeader } from "./webp-header.ts"

const READERS: readonly {
  format: ImageFormat
  isOne: (bytes: Uint8Array) => boolean
  read: (bytes: Uint8Array) => HeaderFacts
}[] = [
  { format: "jpeg", isOne: (bytes) => startsWith(bytes, 0, "\xff\xd8"), read: readJpegHeader },
  { format: "png", isOne: (bytes) => startsWith(bytes, 0, "\x89PNG\r\n\x1a\n"), read: readPngHeader },
  {
    format: "webp",
    isOne: (bytes) => startsWith(bytes, 0, "RIFF") && startsWith(bytes, 8, "WEBP"),
    read: readWebpHeader,
  },
  { format: "avif", isOne: isAvif, read: readAvifHeader },
  {
    format: "gif",
    isOne: (bytes) => startsWith(bytes, 0, "GIF87a") || startsWith(bytes, 0, "GIF89a"),
    read: readGifHeader,
  },
  {
    format: "tiff",
    isOne: (bytes) => startsWith(bytes, 0, "II*\0") || startsWith(bytes, 0, "MM\0*"),
    read: readTiffHeader,
  },
]

const readerOf = (bytes: Uint8Array) => READERS.find(({ isOne }) => isOne(bytes))

/** What the first bytes say. */
export function sniffContentType(bytes: Uint8Array): string {
  const format = readerOf(bytes)?.format
  return format === undefined ? "application/octet-stream" : `image/${format}`
}

/** Formats that are known by their first bytes and refused by name. */
const OTHERS: readonly (readonly [name: string, offset: number, magic: string])[] = [
  ["HEIC", 4, "ftyp"],
  ["BigTIFF", 0, "II+\0"],
  ["BigTIFF", 0, "MM\0+"],
  ["JPEG XL", 0, "\xff\x0a"],
  ["JPEG XL", 4, "JXL "],
  ["BMP", 0, "BM"],
  ["PDF", 0, "%PDF"],
  ["SVG", 0, "<svg"],
  ["SVG", 0, "<?xml"],
]

/**
 * Reads format, size, orientation and number of frames without decoding anything. A header can lie: whoever decodes
 * checks again.
 * @throws AppError empty_body, unsupported_image, invalid_image
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader {
  if (bytes.length === 0) throw new AppError("empty_body", "Cannot read image: there are no bytes")
  const reader = readerOf(bytes)
  if (reader !== undefined) {
    const { width, height, orientation = 1, frames = 1, pixels = width * height * frames, ...rest } = reader.read(bytes)
    return { format: reader.format, width, height, orientation, frames, pixels, ...rest }
  }
  const other = OTHERS.find(([, offset, magic]) => startsWith(bytes, offset, magic))
  const what = other === undefined ? "the body is not an image" : `${other[0]} is not supported`
  throw new AppError("unsupported_image", `Cannot read image: ${what}; send ${listFormats()}`)
}

/** The size of an image as displayed, and its number of frames if it has several. */
export function seenImage(header: ImageHeader) {
  const { format, orientation, frames, isProgressive } = header
  return {
    format,
    ...uprightSize(header),
    orientation,
    ...(frames > 1 && { frames }),
    ...(isProgressive && { isProgressive }),
  }
}

/** How large a picture may be: MAX_IMAGE_PIXELS, of all frames together, and MAX_IMAGE_SIDE. */
export type SizeLimits = { maxPixels: number; maxSidePx: number }

/**
 * The one rule on how large a picture may be. Sides count beside pixels, because decoders and resizers hold whole rows.
 * @throws AppError side_too_long, too_many_pixels
 */
export function refuseLargeImage(
  { width, height, frames, pixels }: Pick<ImageHeader, "width" | "height" | "frames" | "pixels">,
  { maxPixels, maxSidePx }: SizeLimits,
): void {
  const size = frames === 1 ? `${width} × ${height}` : `${width} × ${height} with ${frames} frames`
  if (Math.max(width, height) > maxSidePx) {
    throw new AppError(
      "side_too_long",
      `Cannot accept the image: ${size}, and the longest side is ${maxSidePx} (MAX_IMAGE_SIDE)`,
    )
  }
  if (pixels > maxPixels) {
    const message = `Cannot accept the image: ${size} is ${pixels} pixels, more than ${maxPixels} (MAX_IMAGE_PIXELS)`
    throw new AppError("too_many_pixels", message)
  }
}

/** Width and height as a person sees them: orientations 5 to 8 lie on their side. */
export function uprightSize({ width, height, orientation }: Pick<ImageHeader, "width" | "height" | "orientation">): {
  width: number
  height: number
} {
  return orientation >= 5 ? { width: height, height: width } : { width, height }
}

/** "JPEG, PNG or WebP". */
export function listFormats(formats: readonly ImageFormat[] = Object.keys(IMAGE_FORMATS) as ImageFormat[]): string {
  const names = formats.map((format) => IMAGE_FORMATS[format].title)
  return [names.slice(0, -1).join(", "), ...names.slice(-1)].filter((part) => part !== "").join(" or ")
}

function startsWith(bytes: Uint8Array, offset: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[offset + i] !== text.charCodeAt(i)) return false
  return true
}
