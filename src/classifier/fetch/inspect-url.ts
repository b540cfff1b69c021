import { AppError } from "../../lib/app-error.ts"
import type { ImageHeader } from "../../lib/images/image-formats.ts"
import { readImageHeader } from "../../lib/images/image-header.ts"
import { sha256Hex } from "../../lib/sha256.ts"

/** The first bytes of a file somewhere else, or all of them. */
export type FetchedPart = {
  bytes: Uint8Array
  isWhole: boolean
  /** Of the whole file, where the server says it. */
  totalBytes?: number | undefined
}

export type InspectedUrl = { header: ImageHeader; bytes: number; sha256?: string }

export type InspectUrlOptions = {
  /** Reads at most so many bytes from the start; null when what came is no such part. */
  fetchStart: (bytes: number) => Promise<FetchedPart | null>
  /** Throws when the file is too large. */
  fetchAll: () => Promise<Uint8Array>
  /** The hash needs every byte; without it the header is enough, where that says everything. */
  wantsHash: boolean
}

/** Where the header of a picture ends, as a rule; and where it does behind a thumbnail, a profile and an editor's notes. */
const PART_BYTES = [65_536, 1_048_576]

/**
 * What a picture's header says, with as few of its bytes as that takes. The hash comes with it when all were read anyway, or
 * when it is asked for.
 * @throws AppError as readImageHeader(); and what the two throw
 */
export async function inspectUrl({ fetchStart, fetchAll, wantsHash }: InspectUrlOptions): Promise<InspectedUrl> {
  for (const partBytes of wantsHash ? [] : PART_BYTES) {
    const part = await fetchStart(partBytes)
    if (part === null) break
    if (part.isWhole) return describeWhole(part.bytes)
    const header = readPartialHeader(part.bytes)
    if (header === "unsure") break
    // A server that does not say how long the file is leaves no way but to count.
    if (header !== "cut off" && part.totalBytes !== undefined) return { header, bytes: part.totalBytes }
  }
  return describeWhole(await fetchAll())
}

async function describeWhole(bytes: Uint8Array): Promise<InspectedUrl> {
  return { header: readImageHeader(bytes), bytes: bytes.byteLength, sha256: await sha256Hex(bytes) }
}

/** Another part of a damaged picture would be as damaged; but only all of it can tell that from one that is cut off. */
function readPartialHeader(bytes: Uint8Array): ImageHeader | "cut off" | "unsure" {
  try {
    const header = readImageHeader(bytes)
    return saysEverything(bytes, header.format) ? header : "unsure"
  } catch (error) {
    if (error instanceof AppError && error.code === "invalid_image") return "cut off"
    throw error
  }
}

const VP8X_ANIMATION_OR_EXIF = 0b1010

/** Whether no later byte can change what the header says: frames and orientation may stand at the end of a file. */
function saysEverything(bytes: Uint8Array, format: string): boolean {
  const text = (start: number, end: number) => String.fromCharCode(...bytes.subarray(start, end))
  switch (format) {
    case "jpeg":
      return true
    case "png":
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes("IDAT")
    case "webp":
      return text(12, 16) !== "VP8X" || ((bytes[20] ?? 0) & VP8X_ANIMATION_OR_EXIF) === 0
    case "avif":
      return !text(8, 64).includes("avis")
    default:
      return false
  }
}
