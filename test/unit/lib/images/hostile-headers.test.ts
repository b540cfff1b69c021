import fc from "fast-check"
import sharp, { type FormatEnum } from "sharp"
import { describe, expect, it } from "vitest"
import { AppError } from "../../../../src/lib/app-error.ts"
import { readImageHeader, refuseLargeImage } from "../../../../src/lib/images/image-header.ts"
import {
  avifHeader,
  box,
  filled,
  gifOf,
  join,
  tiffOf,
  u16le,
  u32be,
  u32le,
  webpOf,
} from "../../../support/images/hostile-images.ts"
import { buildPng, flatPng } from "../../../support/images/images.ts"
import { passesOver } from "../../../support/images/passes.ts"

/** Of plain passes over the bytes: a header must not cost more than reading the file a few times. */
const MAX_PASSES = 10
const SIZE = { width: 40, height: 30 }
const blank = (channels: 3 | 4 = 3) =>
  sharp({ create: { ...SIZE, channels, background: { r: 200, g: 60, b: 20, alpha: 0.5 } } })
const frames = (count: number) =>
  sharp(
    Array.from({ length: count }, (_, i) => flatPng([i * 40, 0, 99], SIZE)),
    { join: { animated: true } },
  )

const real: Record<string, Uint8Array> = Object.fromEntries(
  await Promise.all(
    Object.entries({
      "lossy WebP": blank().webp(),
      "lossless WebP": blank().webp({ lossless: true }),
      "WebP with alpha": blank(4).webp(),
      "moving WebP": frames(3).webp(),
      AVIF: blank().avif({ effort: 0 }),
      GIF: blank().gif(),
      "moving GIF": frames(3).gif(),
      TIFF: blank().tiff(),
      "tiled TIFF": blank().tiff({ compression: "lzw", tile: true }),
    }).map(async ([name, image]) => [name, await image.toBuffer()] as const),
  ),
)

function codeOf(bytes: Uint8Array): string {
  try {
    const { format, width, height, orientation, frames, pixels } = readImageHeader(bytes)
    for (const number of [width, height, orientation, frames, pixels]) {
      expect(Number.isInteger(number) && number > 0, `${format}: ${number}`).toBe(true)
    }
    return format
  } catch (error) {
    if (error instanceof AppError) return error.code
    throw error
  }
}

describe("readImageHeader() of what an encoder wrote", () => {
  it.each([
    ["lossy WebP", "webp", 1],
    ["lossless WebP", "webp", 1],
    ["WebP with alpha", "webp", 1],
    ["moving WebP", "webp", 3],
    ["AVIF", "avif", 1],
    ["GIF", "gif", 1],
    ["moving GIF", "gif", 3],
    ["TIFF", "tiff", 1],
    ["tiled TIFF", "tiff", 1],
  ])("%s: size, frames, pixels", (name, format, frames) => {
    expect(readImageHeader(real[name] ?? new Uint8Array())).toEqual({
      format,
      ...SIZE,
      orientation: 1,
      frames,
      pixels: 1_200 * frames,
    })
  })

  it.each(["jpeg", "png", "webp", "avif", "tiff"] as const)("the eight orientations of a %s", async (format) => {
    for (const orientation of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const options = format === "avif" ? { effort: 0 } : {}
      const bytes = await blank()
        .withMetadata({ orientation })
        .toFormat(format as keyof FormatEnum, options)
        .toBuffer()
      expect(readImageHeader(bytes)).toMatchObject({ format, ...SIZE, orientation })
    }
  })
})

describe("readImageHeader() of a GIF", () => {
  it("counts frames between extensions and colour tables of their own", () => {
    const table = new Uint8Array(12)
    const frame = join([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0x81], table, [2, 1, 0x4c, 0])
    const bytes = join("GIF87a", u16le(5), u16le(7), [0, 0, 0], [0x21, 0xf9, 1, 9, 0], frame, frame, [0x3b], frame)
    expect(readImageHeader(bytes)).toMatchObject({ width: 5, height: 7, frames: 2, pixels: 70 })
  })

  it("refuses one that is cut in its header or has no size", () => {
    const whole = real.GIF ?? new Uint8Array()
    for (let length = 6; length < 13; length++) expect(codeOf(whole.subarray(0, length))).toBe("invalid_image")
    expect(codeOf(gifOf(1, { width: 0, height: 9 }))).toBe("invalid_image")
  })
})

describe("readImageHeader() of a TIFF", () => {
  const page = (width: number, height: number) =>
    [
      [256, width],
      [257, height],
    ] as const

  it.each([true, false])("reads both byte orders (little-endian: %s), and sums its pages", (littleEndian) => {
    const bytes = tiffOf([[...page(10, 20), [274, 6]], page(3, 4), []], { littleEndian })
    expect(readImageHeader(bytes)).toEqual({
      format: "tiff",
      width: 10,
      height: 20,
      orientation: 6,
      frames: 3,
      pixels: 200 + 12 + 200,
    })
  })

  it("ends where its directories lead back, or out of the file", () => {
    expect(readImageHeader(tiffOf([page(1, 2), page(1, 2)], { link: () => 8 })).frames).toBe(1)
    expect(readImageHeader(tiffOf([page(1, 2)], { link: () => 0xffff_fff0 })).frames).toBe(2)
  })

  it("refuses a TIFF whose strips or tiles share their bytes, or are more than can be counted", () => {
    const shared = (tag: number, count: number, bytesEach: number) => {
      const at = 8 + 2 + 3 * 12 + 4
      const entry = (name: number, type: number, values: number, value: number) => [
        ...u16le(name),
        ...u16le(type),
        ...u32le(values),
        ...u32le(value),
      ]
      const directory = [...entry(256, 4, 1, 64), ...entry(257, 4, 1, 64), ...entry(tag, 4, count, at)]
      const sizes = Array.from({ length: count }, () => u32le(bytesEach)).flat()
      return join("II*\0", u32le(8), u16le(3), directory, u32le(0), sizes, new Uint8Array(1_000))
    }
    for (const tag of [279, 325]) {
      expect(codeOf(shared(tag, 50, 1_000))).toBe("invalid_image")
      expect(codeOf(shared(tag, 131_073, 0))).toBe("invalid_image")
      expect(readImageHeader(shared(tag, 50, 24))).toMatchObject({ width: 64, height: 64 })
    }
  })

  it("refuses one without a size", () => {
    expect(codeOf(tiffOf([[[256, 5]]]))).toBe("invalid_image")
    expect(codeOf(tiffOf([page(0, 5)]))).toBe("invalid_image")
    expect(codeOf(join("II*\0", u32le(0xffff_ffff)))).toBe("invalid_image")
  })
})

describe("readImageHeader() of an AVIF", () => {
  it("takes the size of the primary item, not of a thumbnail", () => {
    expect(readImageHeader(avifHeader({ width: 640, height: 480 }))).toMatchObject({ width: 640, height: 480 })
  })

  it.each([
    [[], 1],
    [[["imir", 1]], 2],
    [[["irot", 2]], 3],
    [[["imir", 0]], 4],
    [
      [
        ["irot", 1],
        ["imir", 0],
      ],
      5,
    ],
    [[["irot", 3]], 6],
    [
      [
        ["irot", 3],
        ["imir", 0],
      ],
      7,
    ],
    [[["irot", 1]], 8],
    [
      [
        ["imir", 0],
        ["irot", 3],
      ],
      5,
    ],
  ] as const)("turns by %j as EXIF's %i does", (turns, orientation) => {
    expect(readImageHeader(avifHeader({ turns })).orientation).toBe(orientation)
  })

  it("counts the pictures of a sequence", () => {
    expect(readImageHeader(avifHeader({ width: 10, height: 10, samples: 7 }))).toMatchObject({ frames: 7, pixels: 700 })
  })

  it("is told from HEIC by its brands, of which it looks at few", () => {
    const brands = (...names: string[]) => join(box("ftyp", join(names[0] ?? "", [0, 0, 0, 0], ...names.slice(1))))
    expect(codeOf(brands("mif1", "heic", "avif"))).toBe("invalid_image")
    expect(codeOf(brands("heic", "mif1"))).toBe("unsupported_image")
    expect(codeOf(brands("heic", ...Array<string>(1_000).fill("mif1"), "avif"))).toBe("unsupported_image")
  })

  it("refuses one without a size, or whose boxes end nowhere", () => {
    expect(codeOf(avifHeader({ width: 0 }))).toBe("invalid_image")
    const whole = avifHeader()
    for (let length = 16; length < whole.length - 4; length++) {
      expect(codeOf(whole.subarray(0, length)), `cut at ${length}`).toMatch(/^(invalid|unsupported)_image$/)
    }
  })
})

describe("readImageHeader() of a WebP or PNG", () => {
  it("refuses a WebP that begins with anything but a picture", () => {
    expect(codeOf(join("RIFF", u32le(22), "WEBP", "ALPH", u32le(10), new Uint8Array(20)))).toBe("invalid_image")
    expect(codeOf((real["lossy WebP"] ?? new Uint8Array()).subarray(0, 29))).toBe("invalid_image")
  })

  it("finds no orientation in a PNG behind its samples", () => {
    const exif = join("MM\0*", u32be(8), [0, 1], [1, 0x12, 0, 3], u32be(1), [0, 6, 0, 0], u32be(0))
    const parts = { width: 1, height: 1, bitDepth: 8, colorType: 0, raw: Uint8Array.of(0, 1) }
    expect(readImageHeader(buildPng({ ...parts, extra: [["eXIf", exif]] })).orientation).toBe(6)
    expect(readImageHeader(buildPng({ ...parts, extra: [["eXIf", exif.subarray(0, 12)]] })).orientation).toBe(1)
  })
})

describe("a bomb", () => {
  const LIMITS = { maxPixels: 50_000_000, maxSidePx: 65_535 }
  it.each([
    ["frames of a GIF", gifOf(501, { width: 1_000, height: 100 })],
    ["frames of a WebP", webpOf(501, { width: 1_000, height: 100 })],
    ["samples of an AVIF", avifHeader({ width: 1_000, height: 100, samples: 501 })],
    [
      "pages of a TIFF",
      tiffOf(
        Array.from({ length: 501 }, () => [
          [256, 1_000],
          [257, 100],
        ]),
      ),
    ],
    ["the size of a WebP", webpOf(1, { width: 16_383, height: 16_383 })],
    ["the size of a GIF", gifOf(1, { width: 65_535, height: 65_535 })],
    [
      "the size of a TIFF",
      tiffOf([
        [
          [256, 2 ** 31],
          [257, 2 ** 31 - 1],
        ],
      ]),
    ],
    ["the size of an AVIF", avifHeader({ width: 2 ** 32 - 1, height: 2 ** 20 })],
    [
      "the width of a TIFF",
      tiffOf([
        [
          [256, 12_500_000],
          [257, 4],
        ],
      ]),
    ],
    ["the height of an AVIF", avifHeader({ width: 1, height: 49_999_999 })],
  ])("by %s is refused with its size and the limit", (_, bytes) => {
    expect(() => refuseLargeImage(readImageHeader(bytes), LIMITS)).toThrow(
      / × .*(50000000 \(MAX_IMAGE_PIXELS\)|65535 \(MAX_IMAGE_SIDE\))$/,
    )
  })

  it.each([
    ["GIF blocks of a byte", filled(join("GIF89a", u16le(9), u16le(9), [0, 0, 0], [0x21, 0xfe]), [1, 0x55])],
    [
      "GIF frames without samples",
      filled(join("GIF89a", u16le(9), u16le(9), [0, 0, 0]), [0x2c, ...Array(10).fill(0), 0]),
    ],
    ["GIF extensions without content", filled(join("GIF89a", u16le(9), u16le(9), [0, 0, 0]), [0x21, 0xfe, 0])],
    ["empty WebP chunks", filled(webpOf(1, { width: 9, height: 9 }), [...join("ANMF"), 0, 0, 0, 0])],
    ["TIFF directories that overlap", overlappingTiff()],
    ["empty AVIF boxes", filled(avifHeader().subarray(0, 24), box("free"))],
    ["empty AVIF properties", avifOf(filled(new Uint8Array(), box("free")))],
    ["empty PNG chunks", pngOfChunks()],
  ])("8 MB of %s cost next to nothing", (_, bytes) => {
    expect(codeOf(bytes)).toEqual(expect.any(String))
    expect(passesOver(bytes, codeOf)).toBeLessThan(MAX_PASSES)
  })
})

/** Each directory begins two bytes after the last, and claims 65,535 entries. */
function overlappingTiff(): Uint8Array {
  const bytes = filled(join("II*\0", u32le(8)), [0xff, 0xff, 0, 1, 4, 0, 1, 0, 0, 0, 9, 0])
  const view = new DataView(bytes.buffer)
  for (let at = 8; at + 2 + 65_535 * 12 + 4 < bytes.length; at += 12)
    view.setUint32(at + 2 + 65_535 * 12, at + 12, true)
  return bytes
}

function avifOf(properties: Uint8Array): Uint8Array {
  const meta = [u32be(properties.length + 28), "meta", [0, 0, 0, 0], u32be(properties.length + 16), "iprp"] as const
  return join(avifHeader().subarray(0, 24), ...meta, u32be(properties.length + 8), "ipco", properties)
}

function pngOfChunks(): Uint8Array {
  const png = buildPng({ width: 1, height: 1, bitDepth: 8, colorType: 0, raw: Uint8Array.of(0, 1) })
  return filled(png.subarray(0, 33), [...u32be(0), ...join("tEXt"), 0, 0, 0, 0])
}

describe("readImageHeader() of anything", () => {
  const heads = [
    ..."GIF89a RIFF....WEBPVP8X RIFF....WEBPVP8. RIFF....WEBPVP8L II*\0 MM\0*".split(" ").map((text) => join(text)),
    join(u32be(20), "ftypavif"),
    avifHeader().subarray(0, 32),
  ]

  it("throws nothing but AppError, and says nothing that is no size", () => {
    fc.assert(
      fc.property(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 300 }), (head, tail) => {
        expect(codeOf(join(head, tail))).toEqual(expect.any(String))
      }),
      { numRuns: 3_000 },
    )
  })

  it("throws nothing but AppError for a real picture with some bytes changed, cut, in a view of a larger buffer", () => {
    const pictures = [...Object.values(real), avifHeader({ turns: [["irot", 1]], samples: 3 }), webpOf(3, SIZE)]
    const change = fc.tuple(fc.nat(), fc.nat(255))
    fc.assert(
      fc.property(
        fc.constantFrom(...pictures),
        fc.array(change, { maxLength: 20 }),
        fc.nat(),
        (whole, changes, cut) => {
          const buffer = new Uint8Array(whole.length + 7)
          buffer.set(whole, 7)
          // The first 400 bytes are where headers are.
          for (const [at, value] of changes) buffer[7 + (at % Math.min(400, whole.length))] = value
          const length = cut % 2 === 0 ? whole.length : cut % whole.length
          expect(codeOf(buffer.subarray(7, 7 + length))).toEqual(expect.any(String))
        },
      ),
      { numRuns: 5_000 },
    )
  })
})
