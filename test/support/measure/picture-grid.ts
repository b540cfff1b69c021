import sharp from "sharp"
import { type CodecName, DEFAULT_MAX_DECODE_BYTES } from "../../../src/classifier/image/codec.ts"
import type { Operation } from "../../../src/lib/operations/operations.ts"
import { jpegOfScans } from "../images/hostile-images.ts"
import { buildPng } from "../images/images.ts"
import type { WorkToMeasure } from "./measure-work.ts"

type Size = { width: number; height: number }
export type MeasuredPicture = {
  what: string
  bytes: () => Uint8Array | Promise<Uint8Array>
  works: { name: string; work: Omit<WorkToMeasure, "file"> }[]
}

export const DEFAULT_LIMITS = {
  maxBytes: 8_000_000,
  maxPixels: 50_000_000,
  maxSidePx: 65_535,
  maxDecodeBytes: DEFAULT_MAX_DECODE_BYTES,
  maxDecodeMs: 60_000,
}

const SHAPES: readonly Size[] = [
  { width: 7_000, height: 7_000 },
  { width: 65_500, height: 700 },
  { width: 700, height: 65_500 },
  { width: 16_000, height: 3_000 },
]

const zeroPng = ({ width, height }: Size, bitDepth: number, colorType: 0 | 2 | 3 | 4 | 6, interlace = 0) => {
  const bitsPerPixel = bitDepth * { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[colorType]
  const rowBytes = 1 + Math.ceil((width * bitsPerPixel) / 8)
  // Adam7 has up to 15 rows for every 8, and each begins anew.
  const raw = new Uint8Array(interlace ? rowBytes * height + Math.ceil(height / 8) * 15 * 2 + 64 : rowBytes * height)
  const extra: [string, Uint8Array][] = colorType === 3 ? [["PLTE", new Uint8Array(768)]] : []
  return buildPng({ width, height, bitDepth, colorType, interlace, raw, extra })
}
const flat = (size: Size, channels: 3 | 4 = 3) =>
  sharp({ create: { ...size, channels, background: { r: 90, g: 120, b: 150, alpha: 0.5 } }, limitInputPixels: false })

/** Each kind of file whose decoder holds something else, by format and what is special. */
const KINDS: readonly { kind: string; make: (size: Size) => Uint8Array | Promise<Uint8Array>; maxSidePx?: number }[] = [
  { kind: "png 1-bit grey", make: (size) => zeroPng(size, 1, 0) },
  { kind: "png 8-bit RGB", make: (size) => zeroPng(size, 8, 2) },
  { kind: "png 8-bit palette", make: (size) => zeroPng(size, 8, 3) },
  { kind: "png 16-bit RGBA", make: (size) => zeroPng(size, 16, 6) },
  { kind: "png 8-bit RGB interlaced", make: (size) => zeroPng(size, 8, 2, 1) },
  { kind: "png 16-bit RGBA interlaced", make: (size) => zeroPng(size, 16, 6, 1) },
  { kind: "jpeg 4:2:0", make: (size) => flat(size).jpeg().toBuffer() },
  { kind: "jpeg CMYK", make: (size) => flat(size).toColourspace("cmyk").jpeg().toBuffer() },
  { kind: "jpeg 4:2:0 turned", make: (size) => flat(size).withMetadata({ orientation: 6 }).jpeg().toBuffer() },
  { kind: "jpeg 4:2:0 progressive", make: (size) => flat(size).jpeg({ progressive: true }).toBuffer() },
  { kind: "jpeg 4:4:4 progressive", make: (size) => jpegOfScans(2, size) },
  { kind: "webp", make: (size) => flat(size).webp({ effort: 0 }).toBuffer(), maxSidePx: 16_383 },
  {
    kind: "webp lossless, alpha",
    make: (size) => flat(size, 4).webp({ lossless: true, effort: 0 }).toBuffer(),
    maxSidePx: 16_383,
  },
  { kind: "gif", make: (size) => flat(size).gif({ effort: 1 }).toBuffer() },
  { kind: "gif with alpha", make: (size) => flat(size, 4).gif({ effort: 1 }).toBuffer() },
  {
    kind: "avif 4:2:0",
    make: (size) => flat(size).avif({ effort: 0, chromaSubsampling: "4:2:0" }).toBuffer(),
    maxSidePx: 16_384,
  },
  {
    kind: "avif 4:4:4, alpha",
    make: (size) => flat(size, 4).avif({ effort: 0 }).toBuffer(),
    maxSidePx: 16_384,
  },
  { kind: "tiff deflate", make: (size) => flat(size).tiff({ compression: "deflate" }).toBuffer() },
  {
    kind: "tiff 16-bit RGBA",
    make: (size) => flat(size, 4).toColourspace("rgb16").tiff({ compression: "deflate" }).toBuffer(),
  },
  { kind: "tiff tiled", make: (size) => flat(size).tiff({ compression: "deflate", tile: true }).toBuffer() },
]

const OPERATIONS: readonly { name: string; operation: Operation }[] = [
  { name: "classify", operation: { name: "classify", topK: 1 } },
  { name: "resize to 50", operation: { name: "resize", width: 50, fit: "cover", quality: 80 } },
  {
    name: "resize to 1,000 contain",
    operation: { name: "resize", width: 1_000, height: 1_000, fit: "contain", quality: 80, format: "png" },
  },
  { name: "resize to 7,000 × 1", operation: { name: "resize", width: 7_000, height: 1, fit: "fill", quality: 80 } },
  { name: "compress", operation: { name: "compress", quality: 50, scale: 1 } },
  { name: "compress by half", operation: { name: "compress", quality: 50, scale: 0.5 } },
  { name: "compress to webp", operation: { name: "compress", quality: 50, scale: 1, format: "webp" } },
]

/** Every kind in every shape, with the operations that it goes through; those whose description has all the words. */
export function gridOf(words: string, limits = DEFAULT_LIMITS): MeasuredPicture[] {
  const wanted = words.split(" ").filter((word) => word !== "")
  return (["native", "portable"] as const satisfies CodecName[])
    .flatMap((codec) =>
      KINDS.flatMap(({ kind, make, maxSidePx = limits.maxSidePx }) =>
        SHAPES.filter(({ width, height }) => Math.max(width, height) <= maxSidePx).map((size) => ({
          what: `${codec}, ${kind}, ${size.width} × ${size.height}`,
          bytes: () => make(size),
          works: OPERATIONS.filter(({ operation }) => codec === "native" || operation.name === "classify").map(
            ({ name, operation }) => ({ name, work: { operation, codec, limits } }),
          ),
        })),
      ),
    )
    .filter(({ what }) => wanted.every((word) => what.includes(word)))
    .filter(({ what }) => !what.startsWith("portable") || /jpeg|png/.test(what))
}
