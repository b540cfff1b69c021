import { crc32, deflateSync } from "node:zlib"
import { encode as encodePng } from "fast-png"
import { encode as encodeJpeg } from "jpeg-js"

export type Rgb = readonly [red: number, green: number, blue: number]

/** A picture of one colour. */
export function flatJpeg(color: Rgb, { width = 32, height = 32 } = {}): Uint8Array {
  const rgba = new Uint8Array(width * height * 4)
  for (let at = 0; at < rgba.length; at += 4) rgba.set([...color, 255], at)
  return new Uint8Array(encodeJpeg({ width, height, data: rgba }, 95).data)
}

export function flatPng(color: Rgb, { width = 32, height = 32 } = {}): Uint8Array {
  const data = new Uint8Array(width * height * 3)
  for (let at = 0; at < data.length; at += 3) data.set(color, at)
  return encodePng({ width, height, data, channels: 3, depth: 8 })
}

export type PngParts = {
  width: number
  height: number
  bitDepth: number
  colorType: number
  interlace?: number
  /** Rows, each after its filter byte; packed by `bitDepth`. */
  raw: Uint8Array
  /** Chunks between header and samples. */
  extra?: [type: string, body: Uint8Array][]
}

/** A PNG from its parts, for kinds that no encoder at hand writes. */
export function buildPng({ width, height, bitDepth, colorType, interlace = 0, raw, extra = [] }: PngParts): Uint8Array {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([bitDepth, colorType, 0, 0, interlace], 8)
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1")
  const chunks = [pngChunk("IHDR", header), ...extra.map(([type, body]) => pngChunk(type, body))]
  return Buffer.concat([signature, ...chunks, pngChunk("IDAT", deflateSync(raw)), pngChunk("IEND", new Uint8Array())])
}

export function pngChunk(type: string, body: Uint8Array): Uint8Array {
  const typed = Buffer.concat([Buffer.from(type, "latin1"), body])
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(body.byteLength)
  checksum.writeUInt32BE(crc32(typed))
  return Buffer.concat([length, typed, checksum])
}

/** The JPEG with an EXIF segment that holds nothing but an orientation. */
export function withOrientation(jpeg: Uint8Array, orientation: number): Uint8Array {
  const segment = Buffer.alloc(36)
  segment.writeUInt16BE(0xffe1, 0)
  segment.writeUInt16BE(34, 2)
  segment.write("Exif\0\0MM\0*", 4, "latin1")
  segment.writeUInt32BE(8, 14)
  segment.writeUInt16BE(1, 18)
  segment.writeUInt16BE(0x0112, 20)
  segment.writeUInt16BE(3, 22)
  segment.writeUInt32BE(1, 24)
  segment.writeUInt16BE(orientation, 28)
  return Buffer.concat([jpeg.subarray(0, 2), segment, jpeg.subarray(2)])
}
