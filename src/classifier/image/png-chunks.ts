import { crc32, inflateSync } from "node:zlib"
import { AppError } from "../../lib/app-error.ts"

export type PngHeader = {
  width: number
  height: number
  bitDepth: number
  /** Samples per pixel; a palette's index is one. */
  channels: number
  interlaced: boolean
  /** Chunk types that its pixels come from, beside the samples. */
  chunks: readonly string[]
}

export type PngChunks = {
  header: PngHeader
  /** The compressed samples. */
  data: Uint8Array[]
  /** A PNG of only the chunks that pixels come from. */
  bare: Uint8Array
}

type ColorType = { channels: number; bitDepths: readonly number[]; chunks: readonly string[] }

/** Grey, colour, palette, grey with alpha, colour with alpha; and the chunks that its pixels come from. */
const COLOR_TYPES: Readonly<Record<number, ColorType | undefined>> = {
  0: { channels: 1, bitDepths: [1, 2, 4, 8, 16], chunks: ["tRNS"] },
  2: { channels: 3, bitDepths: [8, 16], chunks: ["tRNS"] },
  3: { channels: 1, bitDepths: [1, 2, 4, 8], chunks: ["PLTE", "tRNS"] },
  4: { channels: 2, bitDepths: [8, 16], chunks: [] },
  6: { channels: 4, bitDepths: [8, 16], chunks: [] },
}

export type PngChunk = { type: string; start: number; end: number }

/** The chunks of a PNG, up to IEND; the last has an end behind the bytes where they are cut off. */
export function* pngChunksOf(bytes: Uint8Array): Generator<PngChunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let start = 8, type = ""; type !== "IEND"; ) {
    const end = start + 12 <= bytes.byteLength ? start + 12 + view.getUint32(start) : Number.POSITIVE_INFINITY
    type = String.fromCharCode(...bytes.subarray(start + 4, start + 8))
    yield { type, start, end }
    if (end > bytes.byteLength) return
    start = end
  }
}

/** Chunks that a picture's colours and size come from, beside its samples. */
export const PNG_COLOR_CHUNKS = ["IHDR", "PLTE", "IDAT", "IEND", "tRNS", "cHRM", "gAMA", "sBIT", "sRGB", "cICP", "bKGD"]
/** Profiles of printers have some three megabytes. */
const MAX_PROFILE_BYTES = 4 * 2 ** 20
/** What a JPEG's segment can hold. */
const MAX_EXIF_BYTES = 65_536

/**
 * The PNG without what a decoder would unpack or keep although no pixel comes from it: texts, further frames, unknown chunks, and
 * a profile or EXIF block of a size that no picture needs. 163 texts of 50 MB each cost libpng 26 s.
 */
export function withoutCostlyChunks(bytes: Uint8Array): Uint8Array {
  const kept = [bytes.subarray(0, 8)]
  let keptBytes = 8
  const extras = new Set<string>()
  for (const { type, start, end } of pngChunksOf(bytes)) {
    if (!PNG_COLOR_CHUNKS.includes(type)) {
      // One of each counts: to look into all would be the same bomb here.
      if (extras.has(type) || !isSmallExtra(type, bytes.subarray(start + 8, end - 4))) continue
      extras.add(type)
    }
    kept.push(bytes.subarray(start, end))
    keptBytes += Math.min(end, bytes.byteLength) - start
  }
  return keptBytes === bytes.byteLength ? bytes : Buffer.concat(kept)
}

function isSmallExtra(type: string, body: Uint8Array): boolean {
  if (type === "eXIf") return body.byteLength <= MAX_EXIF_BYTES
  if (type !== "iCCP") return false
  try {
    // A name of up to 79 bytes, a zero, the method of compression.
    inflateSync(body.subarray(body.indexOf(0) + 2), { maxOutputLength: MAX_PROFILE_BYTES })
    return true
  } catch {
    // Damaged, or a bomb: without it the colours are taken for sRGB.
    return false
  }
}

/**
 * Walks a PNG's chunks and drops those that no pixel comes from: text and colour profiles may be bombs, and fast-png
 * would unpack them. https://www.w3.org/TR/png-3/#5DataRep
 */
export function readPngChunks(bytes: Uint8Array): PngChunks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kept = [bytes.subarray(0, 8)]
  const data: Uint8Array[] = []
  let header: PngHeader | undefined
  for (const { type, start, end } of pngChunksOf(bytes)) {
    if (end > bytes.byteLength) throw damagedPng("it is cut off")
    if (["IHDR", "IDAT", "IEND"].includes(type) || header?.chunks.includes(type)) {
      if (crc32(bytes.subarray(start + 4, end - 4)) !== view.getUint32(end - 4)) {
        throw damagedPng(`the checksum of a chunk ${type} is wrong`)
      }
      if ((type === "IHDR") !== (header === undefined)) throw damagedPng("it does not start with its one header")
      kept.push(bytes.subarray(start, end))
      header ??= readHeader(bytes.subarray(start + 8, end - 4))
      if (type === "IDAT") data.push(bytes.subarray(start + 8, end - 4))
    }
  }
  if (!header) throw damagedPng("it has no header")
  return { header, data, bare: Buffer.concat(kept) }
}

function readHeader(body: Uint8Array): PngHeader {
  if (body.byteLength !== 13) throw damagedPng("its header has the wrong length")
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const bitDepth = view.getUint8(8)
  const color = COLOR_TYPES[view.getUint8(9)]
  const interlace = view.getUint8(12)
  if (!color?.bitDepths.includes(bitDepth) || view.getUint16(10) !== 0 || interlace > 1) {
    throw damagedPng("its header describes what no PNG can be")
  }
  const { channels, chunks } = color
  return {
    width: view.getUint32(0),
    height: view.getUint32(4),
    bitDepth,
    channels,
    chunks,
    interlaced: interlace === 1,
  }
}

/** The error for a PNG that breaks its format. */
export function damagedPng(why: string, cause?: unknown): AppError {
  return new AppError("invalid_image", `Cannot decode PNG: ${why}`, { cause })
}
