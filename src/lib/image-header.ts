import { AppError } from "./app-error.ts"
import { readJpegHeader } from "./jpeg-header.ts"
import { readPngHeader } from "./png-header.ts"

/** What the first bytes of an image say. Width and height are as stored, before the orientation is applied. */
export type ImageHeader = {
  format: "jpeg" | "png"
  /** Pixels. */
  width: number
  height: number
  /** EXIF orientation, 1 to 8; 1 is upright (CIPA DC-008, tag 0x0112). */
  orientation: number
}

/** Formats that are known by their first bytes and refused by name. */
const OTHERS: readonly (readonly [name: string, offset: number, magic: string])[] = [
  ["GIF", 0, "GIF8"],
  ["WebP", 8, "WEBP"],
  ["AVIF", 8, "avif"],
  ["HEIC", 8, "heic"],
  ["TIFF", 0, "II*\0"],
  ["TIFF", 0, "MM\0*"],
  ["BMP", 0, "BM"],
  ["PDF", 0, "%PDF"],
]

/**
 * Reads format, size and orientation without decoding anything. A header can lie: whoever decodes checks again.
 * @throws AppError empty_body, unsupported_image, invalid_image
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader {
  if (bytes.length === 0) throw new AppError("empty_body", "Cannot read image: there are no bytes")
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return { format: "jpeg", ...readJpegHeader(bytes) }
  if (startsWith(bytes, 0, "\x89PNG\r\n\x1a\n")) return { format: "png", ...readPngHeader(bytes), orientation: 1 }

  const other = OTHERS.find(([, offset, magic]) => startsWith(bytes, offset, magic))
  const what = other === undefined ? "the body is not an image" : `${other[0]} is not supported`
  throw new AppError("unsupported_image", `Cannot read image: ${what}; send JPEG or PNG`)
}

/** Width and height as a person sees them: orientations 5 to 8 lie on their side. */
export function uprightSize({ width, height, orientation }: ImageHeader): { width: number; height: number } {
  return orientation >= 5 ? { width: height, height: width } : { width, height }
}

function startsWith(bytes: Uint8Array, offset: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[offset + i] !== text.charCodeAt(i)) return false
  return true
}
