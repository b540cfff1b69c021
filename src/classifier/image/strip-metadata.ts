import { crc32 } from "node:zlib"
import { PNG_COLOR_CHUNKS, pngChunksOf } from "./png-chunks.ts"

/**
 * The same picture without a word about where, when and by whom it was taken: pixels, colour profile and, in a JPEG, the
 * orientation stay, and nothing is encoded again. Null for a format, or a file, that this cannot be done to.
 */
export function stripMetadata(bytes: Uint8Array, { format, orientation }: Picture): Uint8Array | null {
  switch (format) {
    case "jpeg":
      return stripJpeg(bytes, orientation)
    case "png":
      return orientation === 1 ? stripPng(bytes) : null
    case "webp":
      return orientation === 1 ? stripWebp(bytes) : null
    case "gif":
      return stripGif(bytes)
    default:
      return null
  }
}

type Picture = { format: string; orientation: number }

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const textAt = (bytes: Uint8Array, at: number, length: number) =>
  String.fromCharCode(...bytes.subarray(at, at + length))

/**
 * Whatever follows the end of the picture goes too: phones put further pictures there, with metadata of their own.
 * ITU-T T.81, annex B.
 */
function stripJpeg(bytes: Uint8Array, orientation: number): Uint8Array | null {
  const view = viewOf(bytes)
  const kept = [bytes.subarray(0, 2), ...(orientation === 1 ? [] : [orientationSegment(orientation)])]
  for (let at = 2; at + 4 <= bytes.length; ) {
    const marker = view.getUint8(at + 1)
    if (view.getUint8(at) !== 0xff) return null
    if (marker === 0xff) {
      at++
      continue
    }
    if (marker === 0xd9) break
    let end = at + 2 + view.getUint16(at + 2)
    if (end > bytes.length) return null
    if (marker === 0xda) end = endOfScan(bytes, end)
    if (isKeptSegment(bytes, at, marker)) kept.push(bytes.subarray(at, end))
    at = end
  }
  return Buffer.concat([...kept, Uint8Array.of(0xff, 0xd9)])
}

/** JFIF without a thumbnail, a colour profile, Adobe's note on colours, and everything that is no APPn and no comment. */
function isKeptSegment(bytes: Uint8Array, at: number, marker: number): boolean {
  if (marker === 0xe0) return textAt(bytes, at + 4, 5) === "JFIF\0" && viewOf(bytes).getUint16(at + 2) === 16
  if (marker === 0xe2) return textAt(bytes, at + 4, 12) === "ICC_PROFILE\0"
  if (marker === 0xee) return textAt(bytes, at + 4, 5) === "Adobe"
  return marker !== 0xfe && (marker < 0xe0 || marker > 0xef)
}

/** The first marker after a scan's data, in which 0xff is followed by 0 or a restart marker. */
function endOfScan(bytes: Uint8Array, start: number): number {
  for (let at = bytes.indexOf(0xff, start); at !== -1 && at + 1 < bytes.length; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1] ?? 0
    if (next !== 0 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return at
  }
  return bytes.length
}

/** An EXIF segment with one entry: the orientation (CIPA DC-008). */
function orientationSegment(orientation: number): Uint8Array {
  const text = "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"
  return Buffer.from(`\xff\xe1\0\x22${text}${String.fromCharCode(orientation)}\0\0\0\0\0\0`, "latin1")
}

/** Those of a moving PNG, and the profile. */
const FURTHER_PNG_CHUNKS = ["iCCP", "acTL", "fcTL", "fdAT"]

/** https://www.w3.org/TR/png-3/#5DataRep */
function stripPng(bytes: Uint8Array): Uint8Array | null {
  const kept = [bytes.subarray(0, 8)]
  for (const { type, start, end } of pngChunksOf(bytes)) {
    if (end > bytes.length) return null
    if (!PNG_COLOR_CHUNKS.includes(type) && !FURTHER_PNG_CHUNKS.includes(type)) continue
    if (crc32(bytes.subarray(start + 4, end - 4)) !== viewOf(bytes).getUint32(end - 4)) return null
    kept.push(bytes.subarray(start, end))
  }
  return Buffer.concat(kept)
}

const WEBP_CHUNKS = ["VP8 ", "VP8L", "VP8X", "ICCP", "ANIM", "ANMF", "ALPH"]
const WEBP_HAS_METADATA = 0b1100

/** https://developers.google.com/speed/webp/docs/riff_container */
function stripWebp(bytes: Uint8Array): Uint8Array | null {
  const kept = [Buffer.from(bytes.subarray(0, 12))]
  for (let at = 12; at + 8 <= bytes.length; ) {
    const type = textAt(bytes, at, 4)
    const end = at + 8 + 2 * Math.ceil(viewOf(bytes).getUint32(at + 4, true) / 2)
    if (end > bytes.length) return null
    const chunk = Buffer.from(bytes.subarray(at, end))
    if (type === "VP8X") chunk[8] = (chunk[8] ?? 0) & ~WEBP_HAS_METADATA
    if (WEBP_CHUNKS.includes(type)) kept.push(chunk)
    at = end
  }
  const whole = Buffer.concat(kept)
  whole.writeUInt32LE(whole.length - 8, 4)
  return whole
}

/** https://www.w3.org/Graphics/GIF/spec-gif89a.txt */
function stripGif(bytes: Uint8Array): Uint8Array | null {
  const tableBytes = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0)
  const start = 13 + tableBytes(bytes[10] ?? 0)
  const kept = [bytes.subarray(0, start)]
  for (let at = start; at < bytes.length; ) {
    const block = bytes[at]
    if (block === 0x3b) return Buffer.concat([...kept, Uint8Array.of(0x3b)])
    if (block !== 0x21 && block !== 0x2c) return null
    const end = endOfSubBlocks(bytes, block === 0x21 ? at + 2 : at + 11 + tableBytes(bytes[at + 9] ?? 0))
    if (end > bytes.length) return null
    if (block === 0x2c || isKeptExtension(bytes, at)) kept.push(bytes.subarray(at, end))
    at = end
  }
  return null
}

/** How a frame is shown, and how often all are: not comments, texts, or what an application has to say. */
function isKeptExtension(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 1] === 0xf9 || (bytes[at + 1] === 0xff && textAt(bytes, at + 3, 11) === "NETSCAPE2.0")
}

function endOfSubBlocks(bytes: Uint8Array, start: number): number {
  let at = start
  while ((bytes[at] ?? 0) !== 0) at += 1 + (bytes[at] ?? 0)
  return at + 1
}
