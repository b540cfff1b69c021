// Headers of images without pixels, from bytes alone: this file also runs inside workerd and names no codec.

type Bytes = Uint8Array<ArrayBuffer>

export type HeaderParts = {
  width?: number
  height?: number
  /** Marker of the frame header; 0xc0 is baseline, 0xc2 progressive. */
  frame?: number
  /** Segments before the frame header. */
  before?: readonly Uint8Array[]
}

export function jpegHeader({ width = 64, height = 48, frame = 0xc0, before = [] }: HeaderParts = {}): Bytes {
  const components = [3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]
  const sof = [8, ...u16(height), ...u16(width), ...components]
  return concat([bytes(0xff, 0xd8), ...before, segment(frame, sof), segment(0xda, [1, 1, 0, 0, 63, 0]), END_OF_IMAGE])
}

/** A JPEG's header that differs from every other one: each upload of a test is a picture of its own. */
export function uniqueJpeg(parts: HeaderParts = {}): Bytes {
  const comment = segment(0xfe, [...crypto.getRandomValues(new Uint8Array(16))])
  return jpegHeader({ ...parts, before: [comment, ...(parts.before ?? [])] })
}

export function pngHeader({ width = 64, height = 48 }: { width?: number; height?: number } = {}): Bytes {
  const ihdr = [...ascii("IHDR"), ...u32(width), ...u32(height), 8, 2, 0, 0, 0]
  return concat([bytes(0x89, ...ascii("PNG\r\n\x1a\n")), bytes(...u32(13), ...ihdr, ...u32(0))])
}

/** An APP1 segment with EXIF data whose first directory holds other tags, then the orientation. */
export function exifSegment(
  orientation: number,
  { littleEndian = false, type = 3 }: { littleEndian?: boolean; type?: number } = {},
): Bytes {
  const short = (value: number) => (littleEndian ? u16(value).reverse() : u16(value))
  const long = (value: number) => (littleEndian ? u32(value).reverse() : u32(value))
  const entry = (tag: number, kind: number, value: number[]) => [...short(tag), ...short(kind), ...long(1), ...value]
  const directory = [
    ...short(2),
    ...entry(0x010f, 2, [0x41, 0, 0, 0]),
    ...entry(0x0112, type, [...short(orientation), 0, 0]),
    ...long(0),
  ]
  const byteOrder = littleEndian ? ascii("II") : ascii("MM")
  return segment(0xe1, [...ascii("Exif\0\0"), ...byteOrder, ...short(42), ...long(8), ...directory])
}

export function segment(marker: number, body: readonly number[]): Bytes {
  return bytes(0xff, marker, ...u16(body.length + 2), ...body)
}

export function concat(parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Bytes that no rule explains, the same for the same seed. */
export function noise(length: number, seed = 1): Bytes {
  const all = new Uint8Array(length)
  let state = seed
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    all[i] = state >>> 24
  }
  return all
}

const bytes = (...values: number[]) => Uint8Array.from(values)
const ascii = (text: string) => [...text].map((char) => char.charCodeAt(0))
const u16 = (value: number) => [value >>> 8, value & 255]
const u32 = (value: number) => [...u16(value >>> 16), ...u16(value & 0xffff)]
const END_OF_IMAGE = bytes(0xff, 0xd9)
