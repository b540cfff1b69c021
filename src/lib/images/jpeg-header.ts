import { AppError } from "../app-error.ts"
import type { HeaderFacts } from "./image-formats.ts"
import { readExifOrientation } from "./tiff-directory.ts"

const APP1 = 0xe1
/** "Exif", which two zeros follow. */
const EXIF = 0x45786966
/** Most segments and bytes between them. More is damage, or an attack on the edge's CPU: 8 MB hold two million segments. */
const MAX_STEPS = 65_536

/** Frame headers: SOF0 to SOF15 without DHT, JPG and DAC (ITU-T T.81, table B.1). */
const isFrameHeader = (marker: number) =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc

/** SOF2, SOF6, SOF10 and SOF14. */
const isProgressive = (frameMarker: number) => (frameMarker & 3) === 2

/**
 * Walks the segments of a JPEG up to its frame header.
 * @throws AppError invalid_image
 */
export function readJpegHeader(bytes: Uint8Array): HeaderFacts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let orientation = 1
  let at = 2
  for (let step = 0; at + 4 <= bytes.length && step <= MAX_STEPS; step++) {
    const marker = view.getUint8(at + 1)
    if (view.getUint8(at) !== 0xff || marker === 0 || marker === 0xff) {
      at++
      continue
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2 // TEM, RSTn and SOI stand alone
      continue
    }
    const length = view.getUint16(at + 2)
    if (isFrameHeader(marker) && at + 9 <= bytes.length) {
      const height = view.getUint16(at + 5)
      const width = view.getUint16(at + 7)
      if (width === 0 || height === 0) break
      return { width, height, orientation, ...(isProgressive(marker) && { isProgressive: true }) }
    }
    if (marker === 0xda || marker === 0xd9 || length < 2) break
    if (marker === APP1) orientation = readApp1Orientation(bytes.subarray(at + 4, at + 2 + length)) ?? orientation
    at += 2 + length
  }
  throw new AppError("invalid_image", "Cannot read image: the JPEG has no frame header")
}

/** The orientation in an APP1 segment, or null when it has none that makes sense. */
function readApp1Orientation(segment: Uint8Array): number | null {
  if (segment.length < 14) return null
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength)
  if (view.getUint32(0) !== EXIF || view.getUint16(4) !== 0) return null
  return readExifOrientation(segment.subarray(6))
}
