import { AppError } from "../app-error.ts"
import type { HeaderFacts } from "./image-formats.ts"
import { readExifOrientation } from "./tiff-directory.ts"

const MAX_SIDE = 2 ** 31 - 1
const IDAT = 0x49444154
const EXIF = 0x65584966
/** Chunks before the samples that are looked at; a real file has some ten. */
const MAX_CHUNKS = 1_024

/**
 * Reads IHDR, which must be a PNG's first chunk, and the orientation of an eXIf chunk before the samples (PNG
 * specification, third edition, 11.2.1 and 11.3.4.5).
 * @throws AppError invalid_image
 */
export function readPngHeader(bytes: Uint8Array): HeaderFacts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isHeader = bytes.length >= 33 && view.getUint32(8) === 13 && view.getUint32(12) === 0x49484452
  if (!isHeader) throw new AppError("invalid_image", "Cannot read image: the PNG does not begin with its header")
  const width = view.getUint32(16)
  const height = view.getUint32(20)
  if (width === 0 || height === 0 || width > MAX_SIDE || height > MAX_SIDE) {
    throw new AppError("invalid_image", "Cannot read image: the PNG has no size")
  }
  return { width, height, orientation: findOrientation(bytes, view) }
}

function findOrientation(bytes: Uint8Array, view: DataView): number {
  for (let at = 33, chunks = 0; at + 12 <= bytes.length && chunks < MAX_CHUNKS; chunks++) {
    const length = view.getUint32(at)
    const type = view.getUint32(at + 4)
    if (type === IDAT) break
    if (type === EXIF) return readExifOrientation(bytes.subarray(at + 8, at + 8 + length)) ?? 1
    at += 12 + length
  }
  return 1
}
