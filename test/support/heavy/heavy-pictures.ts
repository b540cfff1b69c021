import { constants, deflateRawSync, deflateSync } from "node:zlib"
import sharp from "sharp"
import { type Operation, parseOperation } from "../../../src/lib/operations/operations.ts"
import { gifOf, join, jpegOfScans, u16le, u32le, webpOf } from "../images/hostile-images.ts"
import { buildPng, pngChunk, withOrientation } from "../images/images.ts"
import { mutate, randomFrom } from "../images/mutate.ts"

export type HeavyPicture = { what: string; bytes: Uint8Array; operation: Operation }

type Random = {
  below: (count: number) => number
  one: <T>(values: readonly T[]) => T
  chance: (share: number) => boolean
  number: () => number
}
type Size = { width: number; height: number }
type Made = { what: string; bytes: Uint8Array }

/** The picture and the operation that a seed gives at a number: small files that ask for much work. */
export async function heavyPicture(seed: number, index: number, { maxPixels = 50e6 } = {}): Promise<HeavyPicture> {
  const number = randomFrom(seed * 1_000_003 + index)
  const below = (count: number) => Math.floor(number() * count)
  const one = <T>(values: readonly T[]) => values[below(values.length)] as T
  const random: Random = { number, below, one, chance: (share) => number() < share }
  const family = one(FAMILIES)
  const made = await family(random, sizeOf(random, maxPixels))
  const isMutated = random.chance(0.05)
  const bytes = isMutated ? mutate([made.bytes], number) : made.bytes
  const asked = askedFor(random, maxPixels)
  const operation = parseOperation(asked.name, asked.options)
  const what = `${made.what}${isMutated ? ", mutated" : ""}, ${bytes.length} bytes: ${asked.name}?${new URLSearchParams(asked.options)}`
  return { what, bytes, operation }
}

/** Half of them about as large as may be; some with one side that is next to nothing. */
function sizeOf({ number, chance, below }: Random, maxPixels: number): Size {
  const pixels = chance(0.5) ? maxPixels * (0.9 + number() * 0.1) : 1 + maxPixels * number() ** 4
  const aspect = chance(0.4) ? 1 : 2 ** (number() * 30 - 15)
  const width = Math.max(1, Math.min(65_535, Math.floor(Math.sqrt(pixels * aspect))))
  const height = Math.max(1, Math.min(65_535, Math.floor(pixels / width)))
  return below(20) === 0 ? { width: height, height: width } : { width, height }
}

function askedFor(
  { one, below, chance, number }: Random,
  maxPixels: number,
): { name: string; options: Record<string, string> } {
  const quality = String(one([1, 50, 80, 100, 100, 1 + below(100)]))
  switch (one(["classify", "inspect", "compress", "compress", "resize", "resize", "resize"])) {
    case "classify":
      return { name: "classify", options: {} }
    case "inspect":
      return { name: "inspect", options: {} }
    case "compress": {
      const format = one(["", "jpeg", "webp", "avif"])
      const scale = one(["1", "1", "0.5", "0.29", "0.99", "0.001"])
      return { name: "compress", options: { quality, scale, ...(format !== "" && { format }) } }
    }
    default: {
      const format = one(["", "jpeg", "png", "webp", "avif", "json", "npy"] as const)
      const options = { quality, fit: one(["cover", "contain", "fill", "inside"]), ...(format !== "" && { format }) }
      // Mostly what is just small enough to be made.
      const most = { "": 25e6, jpeg: 50e6, png: 50e6, webp: 12.5e6, avif: 2 ** 22, json: 1e6, npy: 2.6e6 }[format]
      const pixels = Math.min(most, maxPixels) * one([0.999, 0.999, number(), 1.1])
      const aspect = one([1, 1, 2 ** (number() * 16 - 8)])
      const side = (px: number) => String(Math.max(1, Math.min(16_384, Math.floor(px))))
      const [width, height] = [side(Math.sqrt(pixels * aspect)), side(Math.sqrt(pixels / aspect))]
      if (chance(0.2)) return { name: "resize", options: { ...options, width } }
      if (chance(0.2)) return { name: "resize", options: { ...options, height } }
      return { name: "resize", options: { ...options, width, height } }
    }
  }
}

/** What rows hold: nothing, what no encoder makes small, one bit at full contrast, or something between. */
const CONTENTS = ["zeros", "noise", "bits", "ramp"] as const
type Content = (typeof CONTENTS)[number]

function fill(bytes: Uint8Array, content: Content, seed: number): void {
  let state = seed
  for (let i = 0; content !== "zeros" && i < bytes.length; i++) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223
    bytes[i] = content === "ramp" ? i & 255 : content === "bits" ? ((state >>> 31) & 1) * 255 : state >>> 24
  }
}

/**
 * A zlib stream of `bytes` bytes that repeat a block, made from the block's own: however long it is, it costs next to nothing to
 * make. Adler-32 of the whole is put together from the block's (RFC 1950, 9).
 */
function deflateRepeated(block: Uint8Array, bytes: number): Uint8Array {
  const times = Math.floor(bytes / block.length)
  const rest = block.subarray(0, bytes - times * block.length)
  const packed = deflateRawSync(block, { level: 6, finishFlush: constants.Z_FULL_FLUSH })
  const end = deflateRawSync(rest, { level: 6 })
  let adler = 1
  const [one, last] = [adlerOf(block), adlerOf(rest)]
  for (let i = 0; i < times; i++) adler = combineAdler(adler, one, block.length)
  adler = combineAdler(adler, last, rest.length)
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(adler >>> 0)
  return Buffer.concat([Uint8Array.of(0x78, 0x9c), ...Array<Uint8Array>(times).fill(packed), end, checksum])
}

/** The checksum stands at the end of a zlib stream. */
const adlerOf = (bytes: Uint8Array) => deflateSync(bytes, { level: 1 }).subarray(-4).readUInt32BE()

function combineAdler(first: number, second: number, secondLength: number): number {
  const base = 65_521
  const [a1, b1, a2, b2] = [first & 0xffff, first >>> 16, second & 0xffff, second >>> 16]
  const a = (a1 + a2 + base - 1) % base
  const b = (b1 + b2 + (((secondLength % base) * (a1 + base - 1)) % base)) % base
  return ((b << 16) | a) >>> 0
}

const PNG_KINDS = [
  [1, 0, 1],
  [2, 0, 1],
  [4, 0, 1],
  [8, 0, 1],
  [16, 0, 1],
  [8, 2, 3],
  [16, 2, 3],
  [1, 3, 1],
  [4, 3, 1],
  [8, 3, 1],
  [8, 4, 2],
  [16, 4, 2],
  [8, 6, 4],
  [16, 6, 4],
] as const

/** Every depth, colour type, interlace and filter; texts, profiles and frames that swell when they are read. */
function png(random: Random, { width, height }: Size): Made {
  const [bitDepth, colorType, channels] = random.one(PNG_KINDS)
  const interlace = random.chance(0.4) ? 1 : 0
  const content = random.one(CONTENTS)
  const filter = random.below(5)
  const rowBytes = 1 + Math.ceil((width * bitDepth * channels) / 8)
  const rows = Math.max(1, Math.min(height, Math.ceil(200_000 / rowBytes)))
  const block = new Uint8Array(rowBytes * rows)
  fill(block, content, 1 + random.below(2 ** 31))
  for (let at = 0; at < block.length; at += rowBytes) block[at] = filter
  // Adam7 has more and shorter rows: what is left over is ignored, and any byte above 4 would be no filter.
  const isRagged = interlace === 1 && content !== "zeros"
  if (isRagged) for (let at = 0; at < block.length; at++) block[at] = (block[at] ?? 0) & 3
  const total = rowBytes * height + (interlace ? Math.ceil(height / 8) * 15 * 2 + 64 : 0)
  const idat = deflateRepeated(block, total)
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([bitDepth, colorType, 0, 0, interlace], 8)
  const palette: [string, Uint8Array][] =
    colorType === 3
      ? [
          ["PLTE", new Uint8Array(3 * 2 ** bitDepth)],
          ...(random.chance(0.5) ? [["tRNS", new Uint8Array(2 ** bitDepth)] as [string, Uint8Array]] : []),
        ]
      : []
  const extra = random.chance(0.3) ? swellingChunks(random) : { what: "", chunks: [] }
  const parts = [["IHDR", header], ...extra.chunks, ...palette, ["IDAT", idat], ["IEND", new Uint8Array()]] as const
  const bytes = Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    ...parts.map(([type, body]) => pngChunk(type, body)),
  ])
  const what = `png ${width}×${height} ${bitDepth} bit type ${colorType}${interlace ? " interlaced" : ""} filter ${filter} ${content}`
  return { what: `${what}${extra.what}`, bytes }
}

function swellingChunks(random: Random): { what: string; chunks: [string, Uint8Array][] } {
  const type = random.one(["zTXt", "iTXt", "iCCP", "tEXt", "acTL", "eXIf"] as const)
  const count = random.one([1, 10, 163, 2_000])
  const swollen = () => deflateRepeated(new Uint8Array(100_000), random.one([1e5, 5e6, 5e7]))
  const body = {
    zTXt: () => join("Comment\0\0", swollen()),
    iTXt: () => join("Comment\0\x01\0\0\0", swollen()),
    iCCP: () => join("icc\0\0", swollen()),
    tEXt: () => join("Comment\0", new Uint8Array(1_000).fill(65)),
    acTL: () => new Uint8Array([0, 0, 0x10, 0, 0, 0, 0, 0]),
    eXIf: () => join("MM\0*\0\0\0\x08\0\0", new Uint8Array(5_000)),
  }[type]()
  const chunk: [string, Uint8Array] = [type, body]
  return { what: `, ${count} ${type}`, chunks: Array(type === "acTL" ? 1 : count).fill(chunk) }
}

/** Small pictures with much beside them, where the pixels cost nothing. */
function pngChunks(random: Random): Made {
  const { what, chunks } = swellingChunks(random)
  const raw = new Uint8Array(9 * 8)
  return {
    what: `png 8×8${what}`,
    bytes: buildPng({ width: 8, height: 8, bitDepth: 8, colorType: 0, raw, extra: chunks }),
  }
}

const kept = new Map<string, Promise<Uint8Array>>()

/** Encoded once for each kind of it: encoders take longer than what is to be measured. */
function encoded(
  random: Random,
  { format, size, options }: { format: "jpeg" | "webp" | "avif" | "gif"; size: Size; options: object },
): Promise<Made> {
  const maxSidePx = { jpeg: 65_500, webp: 16_383, avif: 16_384, gif: 65_535 }[format]
  const maxPixels = { jpeg: 50e6, webp: 25e6, avif: 6e6, gif: 8e6 }[format]
  // A few sizes of each kind, so that later ones are there already.
  const step = (px: number) => Math.max(1, Math.min(maxSidePx, 2 ** Math.round(Math.log2(px))))
  let { width, height } = { width: step(size.width), height: step(size.height) }
  while (width * height > maxPixels) {
    if (width > height) width = Math.ceil(width / 2)
    else height = Math.ceil(height / 2)
  }
  const content = random.one(["flat", "noise"])
  const channels = random.chance(0.5) && format !== "jpeg" ? 4 : 3
  const what = `${format} ${width}×${height}×${channels} ${content} ${JSON.stringify(options)}`
  // Nothing random from here on: a picture that is kept must be the one that is made anew.
  const make = async () => {
    const tile = new Uint8Array(64 * 64 * channels).fill(90)
    if (content === "noise") fill(tile, "bits", 1)
    const side = { width: 64, height: 64, channels } as const
    const background = content === "flat" ? { r: 1, g: 90, b: 200, alpha: 0.5 } : "#888"
    const picture = sharp({ create: { width, height, channels, background }, limitInputPixels: false })
    if (content === "noise" && width >= 64 && height >= 64) {
      picture.composite([{ input: Buffer.from(tile), raw: side, tile: true, blend: "over" }])
    }
    return new Uint8Array(await picture.toFormat(format, options).toBuffer())
  }
  const bytes = kept.get(what) ?? make()
  if (!kept.has(what)) kept.set(what, bytes)
  if (kept.size > 40) kept.delete([...kept.keys()][0] ?? "")
  return bytes.then((made) => ({ what, bytes: made }))
}

async function jpeg(random: Random, size: Size): Promise<Made> {
  const options = {
    quality: random.one([1, 30, 95]),
    progressive: random.chance(0.5),
    chromaSubsampling: random.one(["4:4:4", "4:2:0"]),
  }
  const made = await encoded(random, { format: "jpeg", size, options })
  const orientation = 1 + random.below(8)
  return { what: `${made.what} turned ${orientation}`, bytes: withOrientation(made.bytes, orientation) }
}

/** Passes over all of the picture that hold next to nothing. */
function jpegScans(random: Random, size: Size): Made {
  const scans = random.one([2, 10, 64, 190])
  return { what: `jpeg ${size.width}×${size.height} of ${scans} scans`, bytes: jpegOfScans(scans, size) }
}

const webp = (random: Random, size: Size) =>
  encoded(random, { format: "webp", size, options: { lossless: random.chance(0.5), quality: 30, effort: 0 } })

const avif = (random: Random, size: Size) =>
  encoded(random, {
    format: "avif",
    size,
    options: { quality: random.one([1, 60]), effort: 0, chromaSubsampling: random.one(["4:4:4", "4:2:0"]) },
  })

function gif(random: Random, size: Size): Made | Promise<Made> {
  if (random.chance(0.5)) return encoded(random, { format: "gif", size, options: { effort: 1 } })
  const frames = random.one([1, 100, 10_000, 200_000])
  const { width, height } = random.chance(0.5) ? size : { width: 10, height: 10 }
  return { what: `gif ${width}×${height} of ${frames} frames`, bytes: gifOf(frames, { width, height }) }
}

function webpFrames(random: Random): Made {
  const frames = random.one([2, 1_000, 100_000])
  const side = random.one([1, 16_000])
  return { what: `webp ${side}×${side} of ${frames} frames`, bytes: webpOf(frames, { width: side, height: side }) }
}

/** Strips or tiles of all kinds; some that all lie at one place in the file. */
function tiff(random: Random, { width, height }: Size): Made {
  const compression = random.one([1, 8, 32_773, 5])
  const bits = random.one([1, 8, 8, 16, 32])
  const channels = bits === 1 ? 1 : random.one([1, 3, 4])
  const isFloat = bits === 32
  const isTiled = random.chance(0.3)
  const tile = random.one([16, 256, 4_096])
  const rowsPerStrip = random.one([1, 64, 1_024, height])
  const across = isTiled ? Math.ceil(width / tile) : 1
  const down = isTiled ? Math.ceil(height / tile) : Math.ceil(height / rowsPerStrip)
  const [partWidth, partHeight] = isTiled ? [tile, tile] : [width, Math.min(rowsPerStrip, height)]
  const rawBytes = Math.ceil((partWidth * bits * channels) / 8) * partHeight
  const part = packed(random, compression, rawBytes)
  const parts = Math.min(across * down, 400_000)
  const entries: [tag: number, type: number, values: readonly number[]][] = [
    [256, 4, [width]],
    [257, 4, [height]],
    [258, 3, Array(channels).fill(bits)],
    [259, 3, [compression]],
    [262, 3, [channels === 1 ? 1 : 2]],
    ...(isTiled ? [] : [[273, 4, Array(parts).fill(0)] as [number, number, number[]]]),
    [277, 3, [channels]],
    ...(isTiled
      ? []
      : [
          [278, 4, [partHeight]] as [number, number, number[]],
          [279, 4, Array(parts).fill(part.length)] as [number, number, number[]],
        ]),
    ...(isTiled
      ? ([
          [322, 4, [tile]],
          [323, 4, [tile]],
          [324, 4, Array(parts).fill(0)],
          [325, 4, Array(parts).fill(part.length)],
        ] as [number, number, number[]][])
      : []),
    ...(channels === 4 ? [[338, 3, [2]] as [number, number, number[]]] : []),
    ...(isFloat ? [[339, 3, Array(channels).fill(3)] as [number, number, number[]]] : []),
  ]
  const what = `tiff ${width}×${height} ${bits} bit × ${channels}, compression ${compression}, ${parts} ${isTiled ? `tiles of ${tile}` : `strips of ${partHeight}`}`
  const isShared = random.chance(0.2) || parts * part.length > 7e6
  return { what: `${what}${isShared ? " at one place" : ""}`, bytes: writeTiff(entries, part, isShared ? 1 : parts) }
}

function packed(random: Random, compression: number, rawBytes: number): Uint8Array {
  const bytes = Math.min(rawBytes, 1e9)
  switch (compression) {
    case 8:
      return deflateRepeated(new Uint8Array(100_000), bytes)
    case 32_773:
      // Runs of 128 zeros.
      return Buffer.alloc(Math.min(6e6, 2 * Math.ceil(bytes / 128)), Buffer.from([0x81, 0]))
    case 5:
      return Uint8Array.from({ length: 100_000 }, () => random.below(256))
    default:
      return new Uint8Array(Math.min(6e6, bytes))
  }
}

/** Offsets that are 0 become the place of the part, or of its copies. */
function writeTiff(
  entries: readonly [tag: number, type: number, values: readonly number[]][],
  part: Uint8Array,
  copies: number,
): Uint8Array {
  const head = 8 + 2 + entries.length * 12 + 4
  const longs = entries.map(([, type, values]) =>
    values.length * (type === 3 ? 2 : 4) > 4 ? values.length * (type === 3 ? 2 : 4) : 0,
  )
  const partAt = head + longs.reduce((sum, bytes) => sum + bytes, 0)
  const isOffset = (tag: number) => tag === 273 || tag === 324
  let at = head
  const [directory, data]: [number[], Uint8Array[]] = [[], []]
  for (const [i, [tag, type, values]] of entries.entries()) {
    const size = longs[i] ?? 0
    const body = Buffer.alloc(Math.max(4, size))
    for (const [n, value] of values.entries()) {
      if (type === 3) body.writeUInt16LE(value, n * 2)
      else body.writeUInt32LE(isOffset(tag) ? partAt + (n % copies) * part.length : value, n * 4)
    }
    directory.push(
      ...u16le(tag),
      ...u16le(type),
      ...u32le(values.length),
      ...(size > 0 ? u32le(at) : body.subarray(0, 4)),
    )
    if (size > 0) data.push(body)
    at += size
  }
  return Buffer.concat([
    join("II*\0", u32le(8), u16le(entries.length), directory, u32le(0)),
    ...data,
    ...Array<Uint8Array>(copies).fill(part),
  ])
}

/** What costs little to make comes more often. */
const FAMILIES: readonly ((random: Random, size: Size) => Made | Promise<Made>)[] = [
  png,
  png,
  png,
  pngChunks,
  jpeg,
  jpeg,
  jpegScans,
  webp,
  avif,
  gif,
  webpFrames,
  tiff,
  tiff,
]
