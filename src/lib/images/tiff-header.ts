import { AppError } from "../app-error.ts"
import type { HeaderFacts } from "./image-formats.ts"
import { isOrientation, openTiff, readTiffDirectory, readTiffNumbers, type TiffStructure } from "./tiff-directory.ts"

const WIDTH = 256
const HEIGHT = 257
const ORIENTATION = 274
/** How many bytes each strip has, and each tile. */
const PART_BYTES = [279, 325]
const MAX_ENTRIES = 131_072

/**
 * Follows the directories, one for each page. What has more than can be counted is refused: directories may overlap, so
 * few bytes could hold many.
 * @throws AppError invalid_image
 */
export function readTiffHeader(bytes: Uint8Array): HeaderFacts {
  const tiff = openTiff(bytes)
  const first = tiff && readTiffDirectory(tiff, tiff.firstAt, [WIDTH, HEIGHT, ORIENTATION])
  const [width, height, orientation = null] = first?.values ?? []
  if (!tiff || !first || !width || !height) throw damaged("has no size")
  refuseSharedParts(tiff)

  const seen = new Set([tiff.firstAt])
  let pixels = width * height
  let entries = first.entries
  for (let at = first.nextAt; at !== 0 && !seen.has(at); ) {
    seen.add(at)
    const page = readTiffDirectory(tiff, at, [WIDTH, HEIGHT])
    if (page === null) break
    entries += page.entries + 1
    if (entries > MAX_ENTRIES) throw damaged("has more directories than can be counted")
    const [pageWidth, pageHeight] = page.values
    pixels += (pageWidth ?? width) * (pageHeight ?? height)
    at = page.nextAt
  }
  return { width, height, orientation: isOrientation(orientation) ? orientation : 1, frames: seen.size, pixels }
}

/** Strips and tiles each have bytes of their own: where all are at one place, few bytes are read again and again. */
function refuseSharedParts(tiff: TiffStructure): void {
  for (const tag of PART_BYTES) {
    const parts = readTiffNumbers(tiff, tiff.firstAt, tag, MAX_ENTRIES)
    if (parts === null) throw damaged("has more strips or tiles than can be counted")
    // What encoders claim is not always exact.
    if (parts.reduce((sum, bytes) => sum + bytes, 0) > 4 * tiff.view.byteLength)
      throw damaged("has strips that overlap")
  }
}

function damaged(how: string): AppError {
  return new AppError("invalid_image", `Cannot read image: the TIFF ${how}`)
}
