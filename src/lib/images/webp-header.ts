import { AppError } from "../app-error.ts"
import type { HeaderFacts } from "./image-formats.ts"
import { readExifOrientation } from "./tiff-directory.ts"

const ANIMATION = 0x02
const EXIF = 0x08
/** A chunk for each frame, and a few more. */
const MAX_CHUNKS = 65_536

/**
 * Reads the first chunk, which says the size, and of the extended format the frames and the EXIF.
 * RFC 9649, sections 2.5 to 2.7.
 * @throws AppError invalid_image
 */
export function readWebpHeader(bytes: Uint8Array): HeaderFacts {
  if (bytes.length < 30) throw damaged("is cut off in its header")
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (fourCc(view, 12)) {
    case "VP8 ":
      if (view.getUint16(23) !== 0x9d01 || view.getUint8(25) !== 0x2a) throw damaged("has no key frame")
      return sized(view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff)
    case "VP8L": {
      if (view.getUint8(20) !== 0x2f) throw damaged("has no lossless picture")
      const sides = view.getUint32(21, true)
      return sized((sides & 0x3fff) + 1, ((sides >>> 14) & 0x3fff) + 1)
    }
    case "VP8X":
      return { ...sized(uint24(view, 24) + 1, uint24(view, 27) + 1), ...walkChunks(view, view.getUint8(20)) }
    default:
      throw damaged("does not begin with a picture")
  }
}

function walkChunks(view: DataView, flags: number): { orientation: number; frames: number } {
  let orientation = 1
  let frames = 0
  if ((flags & (ANIMATION | EXIF)) === 0) return { orientation, frames: 1 }
  let chunks = 0
  for (let at = 12; at + 8 <= view.byteLength; ) {
    if (++chunks > MAX_CHUNKS) throw damaged("has more chunks than can be counted")
    const size = view.getUint32(at + 4, true)
    const type = fourCc(view, at)
    if (type === "ANMF") frames++
    if (type === "EXIF") orientation = exifOrientation(view, at + 8, size) ?? orientation
    at += 8 + size + (size % 2)
  }
  return { orientation, frames: Math.max(1, frames) }
}

function exifOrientation(view: DataView, at: number, size: number): number | null {
  const exif = new Uint8Array(view.buffer, view.byteOffset + at, Math.min(size, view.byteLength - at))
  // Some writers put before it what a JPEG's segment begins with.
  const isPrefixed = exif.length > 6 && fourCc(view, at) === "Exif"
  return readExifOrientation(isPrefixed ? exif.subarray(6) : exif)
}

function sized(width: number, height: number): HeaderFacts {
  if (width === 0 || height === 0) throw damaged("has no size")
  return { width, height }
}

function uint24(view: DataView, at: number): number {
  return view.getUint16(at, true) + view.getUint8(at + 2) * 65_536
}

function fourCc(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)))
}

function damaged(how: string): AppError {
  return new AppError("invalid_image", `Cannot read image: the WebP ${how}`)
}
