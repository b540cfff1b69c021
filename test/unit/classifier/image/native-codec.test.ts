import { existsSync, readFileSync } from "node:fs"
import { deflateSync } from "node:zlib"
import sharp from "sharp"
import { describe, expect, test } from "vitest"
import { type Codec, DEFAULT_MAX_DECODE_BYTES } from "../../../../src/classifier/image/codec.ts"
import { decodeImage, type ImageLimits } from "../../../../src/classifier/image/decode-image.ts"
import { maxShrinkFor } from "../../../../src/classifier/image/fill-input.ts"
import { createNativeCodec } from "../../../../src/classifier/image/native-codec.ts"
import { chooseCodec, openCodec } from "../../../../src/classifier/image/open-codec.ts"
import { pngChunksOf, withoutCostlyChunks } from "../../../../src/classifier/image/png-chunks.ts"
import { openNativeImage } from "../../../../src/classifier/operations/native-image.ts"
import { silentLog } from "../../../../src/lib/log.ts"
import { gifOf, join, jpegOfScans, tiffOf, u16le } from "../../../support/images/hostile-images.ts"
import { buildPng, flatJpeg, flatPng } from "../../../support/images/images.ts"

const LIMITS: ImageLimits = {
  maxPixels: 50_000_000,
  maxSidePx: 65_535,
  maxBytes: 8_000_000,
  maxDecodeBytes: DEFAULT_MAX_DECODE_BYTES,
  maxDecodeMs: 30_000,
}
/** Present where the pictures shared between sessions are. */
const PHOTO = new URL("../../../../../shared/images/parrot.jpg", import.meta.url).pathname
const native = await openCodec("native")
const portable = await openCodec("portable")
type Options = { codec?: Codec; limits?: Partial<ImageLimits>; shrink?: number }

const decode = async (bytes: Uint8Array, { codec = native, limits, shrink = 1 }: Options = {}) =>
  (await decodeImage(bytes, { codec, limits: { ...LIMITS, ...limits }, maxShrink: () => shrink })).pixels

const codeOf = (bytes: Uint8Array, options: Options = {}): Promise<string> =>
  decode(bytes, options).then(
    () => "decoded",
    (error) => {
      expect(error).toMatchObject({ name: "AppError" })
      return error.code
    },
  )

async function firstPixel(bytes: Uint8Array, codec = native): Promise<number[]> {
  return [...(await decode(bytes, { codec })).rgb.subarray(0, 3)]
}

function expectNear(color: readonly number[], wanted: readonly number[], tolerance: number): void {
  for (const [channel, value] of wanted.entries()) {
    expect(Math.abs((color[channel] ?? -1) - value), `${color} is not ${wanted}`).toBeLessThanOrEqual(tolerance)
  }
}

const RED = { r: 200, g: 50, b: 50 }
const flat = (channels: 3 | 4 = 3, alpha = 1) =>
  sharp({ create: { width: 24, height: 16, channels, background: { ...RED, alpha } } })

describe("colours of the native codec", () => {
  test.each([
    ["JPEG", flat().jpeg({ quality: 95 }), 4],
    ["progressive JPEG", flat().jpeg({ quality: 95, progressive: true }), 4],
    ["PNG", flat().png(), 0],
    ["PNG with a palette", flat().png({ palette: true }), 2],
    ["WebP", flat().webp({ quality: 95 }), 6],
    ["lossless WebP", flat().webp({ lossless: true }), 0],
    ["AVIF", flat().avif({ quality: 90, effort: 0 }), 6],
    ["AVIF of 10 bits", flat().avif({ quality: 90, effort: 0, bitdepth: 10 }).withExif({}), 6],
    ["GIF", flat().gif(), 4],
    ["TIFF", flat().tiff({ compression: "lzw" }), 0],
    ["TIFF in tiles", flat().tiff({ compression: "deflate", tile: true, tileWidth: 16, tileHeight: 16 }), 0],
    ["TIFF of CMYK", flat().toColourspace("cmyk").tiff({ compression: "none" }), 25],
    ["JPEG of CMYK", flat().toColourspace("cmyk").jpeg({ quality: 95 }), 25],
    ["16 bits", flat().toColourspace("rgb16").png(), 1],
    ["16 bits with a profile", flat().toColourspace("rgb16").withIccProfile("srgb").png(), 1],
    ["Display P3", flat().withIccProfile("p3").png(), 2],
    ["Display P3 in a JPEG", flat().withIccProfile("p3").jpeg({ quality: 100, chromaSubsampling: "4:4:4" }), 4],
    ["Display P3 of 16 bits", flat().toColourspace("rgb16").withIccProfile("p3").png(), 2],
  ])("%s", async (_, image, tolerance) => {
    expectNear(await firstPixel(await image.toBuffer()), [200, 50, 50], tolerance)
  })

  test.each([
    ["grey JPEG", flat().greyscale().jpeg()],
    ["grey PNG", flat().toColourspace("b-w").png()],
    ["grey PNG of 16 bits", flat().toColourspace("grey16").png()],
    ["grey TIFF", flat().toColourspace("b-w").tiff()],
    ["grey WebP", flat().greyscale().webp()],
  ])("%s comes out in three channels alike", async (_, image) => {
    const { rgb, width, height } = await decode(await image.toBuffer())
    expect(rgb).toHaveLength(width * height * 3)
    expect(Math.abs((rgb[0] ?? 0) - (rgb[1] ?? 99))).toBeLessThanOrEqual(2)
    expect(Math.abs((rgb[0] ?? 0) - 107)).toBeLessThanOrEqual(6)
  })

  test.each(["png", "webp", "avif", "tiff"] as const)(
    "what is half transparent in %s shows white behind",
    async (format) => {
      const options =
        format === "avif" ? { effort: 0, quality: 95 } : format === "webp" ? { lossless: true } : { compression: "lzw" }
      const bytes = await flat(4, 0.5).toFormat(format, options).toBuffer()
      expectNear(await firstPixel(bytes), [227, 152, 152], 6)
    },
  )

  test("a GIF shows white where it is transparent, and its first frame where it moves", async () => {
    expectNear(await firstPixel(await flat(4, 0).gif().toBuffer()), [255, 255, 255], 0)
    const moving = await sharp([flatPng([250, 0, 0]), flatPng([0, 250, 0])], { join: { animated: true } })
      .gif()
      .toBuffer()
    expectNear(await firstPixel(moving), [250, 0, 0], 6)
  })

  test.skipIf(!existsSync(PHOTO))(
    "a photo's own sRGB profile, which is not applied, would change nothing",
    async () => {
      const bytes = readFileSync(PHOTO)
      const { icc } = await sharp(bytes).metadata()
      expect(icc?.toString("latin1", 48, 56)).toBe("IEC sRGB")
      const applied = await sharp(bytes).raw().toBuffer()
      expect(Buffer.compare(applied, (await decode(bytes)).rgb)).toBe(0)
    },
  )

  test("both codecs see a PNG alike, and a JPEG nearly so", async () => {
    const noisy = Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 255)
    const image = sharp(noisy, { raw: { width: 40, height: 30, channels: 3 } }).blur(2)
    const png = await image.clone().png().toBuffer()
    expect(Buffer.compare((await decode(png)).rgb, (await decode(png, { codec: portable })).rgb)).toBe(0)
    const jpeg = await image.clone().jpeg({ chromaSubsampling: "4:4:4" }).toBuffer()
    const [ours, theirs] = [await decode(jpeg), await decode(jpeg, { codec: portable })]
    const differences = ours.rgb.map((value, i) => Math.abs(value - (theirs.rgb[i] ?? 0)))
    expect(Math.max(...differences)).toBeLessThanOrEqual(4)
  })
})

describe("shrinking while decoding", () => {
  const picture = sharp(flatPng([9, 99, 199], { width: 901, height: 640 }))

  test.each(["jpeg", "png", "webp", "avif", "gif", "tiff"] as const)(
    "%s comes out no smaller than was allowed",
    async (format) => {
      const options = format === "avif" || format === "gif" ? { effort: 1 } : {}
      const bytes = await picture.clone().toFormat(format, options).toBuffer()
      for (const shrink of [1, 1.9, 2, 2.9, 3, 4.7, 5, 8.9, 9, 12.3, 20]) {
        const { width, height, rgb } = await decode(bytes, { shrink })
        expect(width, `${shrink}`).toBeGreaterThanOrEqual(Math.floor(901 / shrink))
        expect(height, `${shrink}`).toBeGreaterThanOrEqual(Math.floor(640 / shrink))
        expect(width, `${shrink}`).toBeLessThanOrEqual(shrink < 3 ? 901 : Math.ceil(901 / 3))
        expect(rgb).toHaveLength(width * height * 3)
        expectNear([...rgb.subarray(-3)], [9, 99, 199], 6)
      }
    },
  )

  test("a side of one pixel stays one", async () => {
    const line = await sharp(flatPng([1, 2, 3], { width: 1, height: 3_000 }))
      .png()
      .toBuffer()
    expect(await decode(line, { shrink: 50 })).toMatchObject({ width: 1, height: 60 })
  })

  test("a model is left two pixels for each of its own", () => {
    const rule = { width: 224, height: 224, mean: 0, std: 1, fit: "crop", cropFraction: 0.875 } as const
    expect(maxShrinkFor({ width: 4_096, height: 3_072 }, rule)).toBe(6)
    expect(maxShrinkFor({ width: 4_096, height: 512 }, rule)).toBe(1)
    expect(maxShrinkFor({ width: 2_240, height: 896 }, { ...rule, fit: "stretch" })).toBe(2)
  })
})

describe("limits of the native codec", () => {
  const large = (format: "jpeg" | "png" | "webp" | "avif" | "gif" | "tiff", options = {}) =>
    sharp(flatPng([9, 99, 199], { width: 800, height: 600 }))
      .toFormat(format, options)
      .toBuffer()

  test.each([
    ["a progressive JPEG", "jpeg", { progressive: true }],
    ["an interlaced PNG", "png", { progressive: true }],
    ["a WebP", "webp", {}],
    ["an AVIF", "avif", { effort: 0 }],
    ["a GIF", "gif", {}],
    ["a TIFF", "tiff", {}],
  ] as const)("memory of %s, by what its decoder holds", async (_, format, options) => {
    const bytes = await large(format, options)
    expect(await codeOf(bytes, { limits: { maxDecodeBytes: 800 * 600 } })).toBe("too_many_pixels")
    expect(await codeOf(bytes, { limits: { maxDecodeBytes: 800 * 600 * 32 } })).toBe("decoded")
  })

  test("pixels that only the decoder finds: a GIF whose frame is larger than its screen", async () => {
    const head = join("GIF89a", u16le(2), u16le(2), [0x80, 0, 0, 0, 0, 0, 255, 255, 255])
    const frame = join([0x2c, 0, 0, 0, 0], u16le(60_000), u16le(60_000), [0], [2, 2, 0x4c, 1, 0], [0x3b])
    expect(await codeOf(join(head, frame))).toBe("too_many_pixels")
  })

  test("a GIF that claims a larger screen than its picture has is read", async () => {
    expect(await codeOf(gifOf(2, { width: 800, height: 600 }))).toBe("decoded")
  })

  test("time, by what libvips says when it was told to end", async () => {
    const ended = () => Promise.reject(new Error('timeout: 30% complete\nVipsImage: killed for image "temp-154"'))
    const slow = createNativeCodec((() => ({ metadata: ended })) as unknown as typeof sharp)
    expect(await codeOf(flatJpeg([1, 2, 3]), { codec: slow })).toBe("job_timeout")
  })

  test("texts, further frames and unknown chunks of a PNG never reach the decoder, nor a profile or EXIF that is a bomb", () => {
    const parts = { width: 1, height: 1, bitDepth: 8, colorType: 2, raw: Uint8Array.from([0, 1, 2, 3]) }
    const typesIn = (extra: [string, Uint8Array][]) =>
      [...pngChunksOf(withoutCostlyChunks(buildPng({ ...parts, extra })))].map(({ type }) => type).join(" ")
    const packed = (bytes: number) => join("x\0\0", deflateSync(new Uint8Array(bytes)))
    const bare = "IHDR IDAT IEND"
    for (const type of ["zTXt", "iTXt", "tEXt", "acTL", "fcTL", "fdAT", "spIT", "xxXx"]) {
      expect(typesIn([[type, packed(50_000)]]), type).toBe(bare)
    }
    expect(
      typesIn([
        ["iCCP", packed(3_000_000)],
        ["gAMA", new Uint8Array(4)],
      ]),
    ).toBe("IHDR iCCP gAMA IDAT IEND")
    expect(typesIn([["iCCP", packed(50_000_000)]])).toBe(bare)
    expect(typesIn(Array(2_000).fill(["iCCP", packed(3_000_000)]))).toBe("IHDR iCCP IDAT IEND")
    expect(typesIn([["eXIf", new Uint8Array(65_536)]])).toBe("IHDR eXIf IDAT IEND")
    expect(typesIn([["eXIf", new Uint8Array(65_537)]])).toBe(bare)
    const plain = buildPng(parts)
    expect(withoutCostlyChunks(plain), "is not copied where nothing is left out").toBe(plain)
  })

  test("163 texts that each unpack to 50 MB cost no more than as many bytes that do not", async () => {
    const parts = { width: 1, height: 1, bitDepth: 8, colorType: 2, raw: Uint8Array.from([0, 1, 2, 3]) }
    const bomb = join("x\0\0", deflateSync(new Uint8Array(50_000_000)))
    const withTexts = (body: Uint8Array) =>
      buildPng({ ...parts, extra: Array.from({ length: 163 }, () => ["zTXt", body] as [string, Uint8Array]) })
    const cpuMs = async (bytes: Uint8Array) => {
      const start = process.cpuUsage()
      await openNativeImage(bytes, { codec: "native", limits: LIMITS })
      expect(await firstPixel(bytes)).toEqual([1, 2, 3])
      const { user, system } = process.cpuUsage(start)
      return (user + system) / 1_000
    }
    const harmless = withTexts(new Uint8Array(bomb.byteLength))
    await cpuMs(harmless)
    // Over a thousand times as much before.
    expect(await cpuMs(withTexts(bomb))).toBeLessThan(100 * (await cpuMs(harmless)))
  }, 60_000)

  test("40 text chunks that each unpack to 20 MB, and a colour profile that does, cost no memory", async () => {
    const bomb = deflateSync(new Uint8Array(20_000_000))
    const chunk = Buffer.concat([Buffer.from("x\0\0", "latin1"), bomb])
    const parts = { width: 1, height: 1, bitDepth: 8, colorType: 2, raw: Uint8Array.from([0, 1, 2, 3]) }
    const texts = buildPng({
      ...parts,
      extra: Array.from({ length: 40 }, () => ["zTXt", chunk] as [string, Uint8Array]),
    })
    const profile = buildPng({ ...parts, extra: [["iCCP", chunk]] })
    const beforeKb = process.resourceUsage().maxRSS
    expect(await firstPixel(texts)).toEqual([1, 2, 3])
    expect(await firstPixel(profile)).toEqual([1, 2, 3])
    // They would be 820 MB; what else this process does meanwhile is some tens.
    expect(process.resourceUsage().maxRSS - beforeKb).toBeLessThan(250_000)
  }, 20_000)

  test.each([
    [
      "tiles of 60,000 × 60,000",
      [
        [322, 60_000],
        [323, 60_000],
        [324, 8],
        [325, 100],
      ],
    ],
    [
      "65,535 samples a pixel",
      [
        [277, 65_535],
        [273, 8],
        [278, 1],
        [279, 100],
      ],
    ],
    [
      "64 bits a sample in one strip",
      [
        [277, 4],
        [258, 64],
        [339, 3],
        [273, 8],
        [278, 100],
        [279, 100],
      ],
    ],
    [
      "strips that are not there",
      [
        [273, 1_000_000],
        [278, 1],
        [279, 100],
      ],
    ],
  ] as const)("a TIFF with %s ends in a code", async (_, tags) => {
    const base = [
      [256, 100],
      [257, 100],
      [258, 8],
      [259, 5],
      [262, 1],
    ] as const
    const own = new Set<number>(tags.map(([tag]) => tag))
    const all = [...base.filter(([tag]) => !own.has(tag)), ...tags].sort(([one], [other]) => one - other)
    expect(await codeOf(tiffOf([all], { tail: new Uint8Array(1_000) }))).toMatch(/^(invalid_image|too_many_pixels)$/)
  })
})

describe("what passes for another thing", () => {
  const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>'

  test.each([
    ["an SVG", join(SVG)],
    ["an SVG after a declaration", join(`<?xml version="1.0"?>${SVG}`)],
    ["a page", join("<!doctype html><img src=x>")],
    ["an archive", join("PK\x03\x04", new Uint8Array(100))],
    ["a PDF", join("%PDF-1.7\n")],
    ["a picture of libvips' own", join([0xb6, 0xa6, 0xf2, 0x08], new Uint8Array(100))],
    ["a PPM", join("P6\n1 1\n255\n", [1, 2, 3])],
  ])("%s is no picture here, and none to libvips as we load it", async (_, bytes) => {
    expect(await codeOf(bytes)).toBe("unsupported_image")
    await expect(sharp(bytes).metadata()).rejects.toThrow()
  })

  test.each([
    ["GIF", join("GIF89a\x01\x00\x01\x00\x00\x00\x00", SVG)],
    [
      "TIFF",
      join(
        tiffOf([
          [
            [256, 1],
            [257, 1],
          ],
        ]),
        SVG,
      ),
    ],
    ["JPEG", join([0xff, 0xd8, 0xff, 0xfe, 1, 0], SVG)],
    ["WebP", join("RIFF    WEBPVP8 ", SVG)],
  ])("an SVG behind the first bytes of a %s", async (_, bytes) => {
    expect(await codeOf(bytes)).toMatch(/^(invalid_image|too_many_pixels|unsupported_image)$/)
  })

  test("a JPEG with an archive behind it is the JPEG", async () => {
    expectNear(await firstPixel(join(flatJpeg([9, 99, 199]), "PK\x03\x04", new Uint8Array(1_000))), [9, 99, 199], 5)
  })
})

describe("the portable codec", () => {
  test.each(["webp", "avif", "gif", "tiff"] as const)(
    "refuses %s by its name, and says what it reads",
    async (format) => {
      const bytes = await flat().toFormat(format).toBuffer()
      const name = { webp: "WebP", avif: "AVIF", gif: "GIF", tiff: "TIFF" }[format]
      await expect(decode(bytes, { codec: portable })).rejects.toMatchObject({
        code: "unsupported_image",
        message: `Cannot decode image: ${name} is not read by the portable codec of this classifier; send JPEG or PNG`,
      })
    },
  )

  test("refuses a JPEG of more scans than any encoder writes", async () => {
    const progressive = await flat().jpeg({ progressive: true }).toBuffer()
    expect(await codeOf(progressive, { codec: portable })).toBe("decoded")
    const at = progressive.lastIndexOf(Buffer.from([0xff, 0xda]))
    const scan = progressive.subarray(at, -2)
    const many = join(progressive.subarray(0, -2), ...Array<Buffer>(100).fill(scan), [0xff, 0xd9])
    expect(await codeOf(many, { codec: portable })).toBe("invalid_image")
    expect(await codeOf(many)).toBe("invalid_image")
  })

  test("refuses a JPEG whose scans pass over too many pixels together, and takes as many over a small one", async () => {
    for (const codec of [native, portable]) {
      expect(await codeOf(jpegOfScans(95, { width: 300, height: 200 }), { codec })).toBe("decoded")
      expect(await codeOf(jpegOfScans(95, { width: 4_000, height: 3_000 }), { codec })).toBe("too_many_pixels")
    }
  })
})

test("chooseCodec() takes what was asked for, and the native one unless asked", async () => {
  expect(await chooseCodec(undefined, silentLog)).toBe("native")
  expect(await chooseCodec("native", silentLog)).toBe("native")
  expect(await chooseCodec("portable", silentLog)).toBe("portable")
})
