import { crc32 } from "node:zlib"
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

/**
 * Walks a PNG's chunks and drops those that no pixel comes from: text and colour profiles may be bombs, and fast-png
 * would unpack them. https://www.w3.org/TR/png-3/#5DataRep
 */
export function readPngChunks(bytes: Uint8Array): PngChunks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kept = [bytes.subarray(0, 8)]
  const data: Uint8Array[] = []
  let header: PngHeader | undefined
  for (let offset = 8, type = ""; type !== "IEND"; ) {
    const end = offset + 12 <= bytes.byteLength ? offset + 12 + view.getUint32(offset) : Number.POSITIVE_INFINITY
    if (end > bytes.byteLength) throw damagedPng("it is cut off")
    type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8))
    if (["IHDR", "IDAT", "IEND"].includes(type) || header?.chunks.includes(type)) {
      if (crc32(bytes.subarray(offset + 4, end - 4)) !== view.getUint32(end - 4)) {
        throw damagedPng(`the checksum of a chunk ${type} is wrong`)
      }
      if ((type === "IHDR") !== (header === undefined)) throw damagedPng("it does not start with its one header")
      kept.push(bytes.subarray(offset, end))
      header ??= readHeader(bytes.subarray(offset + 8, end - 4))
      if (type === "IDAT") data.push(bytes.subarray(offset + 8, end - 4))
    }
    offset = end
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
