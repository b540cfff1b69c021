import { inflateSync } from "node:zlib"
import { type DecodedPng, decode } from "fast-png"
import { AppError } from "../../lib/app-error.ts"
import { refuseLargeImage } from "../../lib/images/image-header.ts"
import { type DecodeLimits, refuseDecodeBytes, type StoredImage } from "./codec.ts"
import { damagedPng, type PngHeader, readPngChunks } from "./png-chunks.ts"
import { pngToRgb } from "./png-to-rgb.ts"

/** How often fast-png holds the samples while it decodes; those of 16 bits once more, as numbers. */
const copiesOf = ({ bitDepth }: PngHeader) => (bitDepth === 16 ? 4 : 3)

export function decodePng(bytes: Uint8Array, limits: DecodeLimits): StoredImage {
  const { header, data, bare } = readPngChunks(bytes)
  const { width, height } = header
  const sampleBytes = countSampleBytes(header)
  const decodeBytes = sampleBytes * copiesOf(header) + width * height * 3
  refuseLargeImage({ width, height, frames: 1, pixels: width * height }, limits)
  refuseDecodeBytes({ format: "png", width, height }, decodeBytes, limits.maxDecodeBytes)
  if (header.interlaced && header.bitDepth < 8) {
    throw new AppError("unsupported_image", `Cannot decode PNG: interlaced with ${header.bitDepth} bits per sample`)
  }
  proveSize(data, sampleBytes)
  const png = decodeBare(bare)
  if (header.chunks.includes("PLTE") && !png.palette) throw damagedPng("its palette is missing")
  return { width, height, rgb: pngToRgb(png) }
}

/** Each row of each pass is its samples, packed, after a byte for its filter. */
function countSampleBytes({ width, height, bitDepth, channels, interlaced }: PngHeader): number {
  return (interlaced ? ADAM7 : [{ x: 0, y: 0, dx: 1, dy: 1 }]).reduce((sum, { x, y, dx, dy }) => {
    const columns = Math.max(0, Math.ceil((width - x) / dx))
    const rows = Math.max(0, Math.ceil((height - y) / dy))
    return columns === 0 ? sum : sum + rows * (1 + Math.ceil((columns * channels * bitDepth) / 8))
  }, 0)
}

const ADAM7 = [
  { x: 0, y: 0, dx: 8, dy: 8 },
  { x: 4, y: 0, dx: 8, dy: 8 },
  { x: 0, y: 4, dx: 4, dy: 8 },
  { x: 2, y: 0, dx: 4, dy: 4 },
  { x: 0, y: 2, dx: 2, dy: 4 },
  { x: 1, y: 0, dx: 2, dy: 2 },
  { x: 0, y: 1, dx: 1, dy: 2 },
]

/** fast-png inflates without a bound and pads what is missing: zlib shows first that the samples are all there, and no more. */
function proveSize(data: Uint8Array[], sampleBytes: number): void {
  let inflated: Buffer
  try {
    // Some encoders leave a few bytes over.
    inflated = inflateSync(Buffer.concat(data), { maxOutputLength: sampleBytes + 65_536 })
  } catch (cause) {
    throw damagedPng("its samples do not unpack to the size in its header", cause)
  }
  if (inflated.byteLength < sampleBytes) throw damagedPng("samples are missing")
}

function decodeBare(bare: Uint8Array): DecodedPng {
  try {
    return decode(bare)
  } catch (cause) {
    throw damagedPng("its samples or palette cannot be read", cause)
  }
}
