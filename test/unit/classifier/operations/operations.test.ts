import fc from "fast-check"
import sharp from "sharp"
import { describe, expect, test } from "vitest"
import { stripMetadata } from "../../../../src/classifier/image/strip-metadata.ts"
import { compressImage } from "../../../../src/classifier/operations/compress.ts"
import { openNativeImage } from "../../../../src/classifier/operations/native-image.ts"
import { resizeImage } from "../../../../src/classifier/operations/resize.ts"
import { withSecrets } from "../../../support/images/exif.ts"
import { flatJpeg, flatPng, pngChunk } from "../../../support/images/images.ts"

const limits = { maxBytes: 8e6, maxPixels: 50e6, maxSidePx: 65_535, maxDecodeBytes: 2 ** 28, maxDecodeMs: 20_000 }

type Limits = typeof limits & { maxOutputBytes?: number }
const compress = async (bytes: Uint8Array, options: Parameters<typeof compressImage>[2], set: Limits) =>
  compressImage(bytes, await openNativeImage(bytes, { codec: "native", limits: set }), options)
const resize = async (bytes: Uint8Array, options: Parameters<typeof resizeImage>[1], set: Limits) =>
  resizeImage(await openNativeImage(bytes, { codec: "native", limits: set }), options)

/** A picture that no codec makes much smaller, so that all kinds of outcome are met. */
function noise(width: number, height: number, seed: number) {
  let state = seed + 1
  const random = () => {
    state = (state * 1103515245 + 12345) % 2 ** 31
    return (state >> 16) & 0xff
  }
  return sharp(Uint8Array.from({ length: width * height * 3 }, random), { raw: { width, height, channels: 3 } })
}

const holds = (bytes: Uint8Array, text: string) => Buffer.from(bytes).includes(Buffer.from(text, "latin1"))
/** What a phone's picture says besides its pixels, in any format. */
const SECRETS = ["SecretC", "SecretPlace"]

const photo = () => noise(64, 48, 3).jpeg({ quality: 95 }).toBuffer()

describe("compress()", () => {
  test("gives no more bytes and no more pixels than there were, of any format at any setting, and opens in a decoder", async () => {
    const inputs = fc.record({
      width: fc.integer({ min: 1, max: 40 }),
      height: fc.integer({ min: 1, max: 40 }),
      seed: fc.integer({ min: 0, max: 1e6 }),
      from: fc.constantFrom("jpeg", "png", "webp", "gif"),
      inputQuality: fc.integer({ min: 1, max: 100 }),
      quality: fc.integer({ min: 1, max: 100 }),
      scale: fc.double({ min: 0.01, max: 1, noNaN: true }),
      format: fc.constantFrom("jpeg", "webp", undefined),
    } as const)
    await fc.assert(
      fc.asyncProperty(inputs, async ({ width, height, seed, from, inputQuality, ...options }) => {
        const picture = noise(width, height, seed)
        const input = await picture.toFormat(from, { quality: inputQuality }).toBuffer()
        const output = await compress(input, options, limits)
        expect(output.bytes.byteLength).toBeLessThanOrEqual(input.byteLength)
        const { info } = await sharp(output.bytes).raw().toBuffer({ resolveWithObject: true })
        expect(info).toMatchObject({ width: output.width, height: output.height })
        expect(info.width).toBeLessThanOrEqual(width)
        expect(info.height).toBeLessThanOrEqual(height)
      }),
      { numRuns: 150, seed: 7 },
    )
  })

  test("leaves no metadata behind, and turns the picture upright, when it encodes anew", async () => {
    const input = withSecrets(await photo(), { orientation: 6 })
    expect((await sharp(input).metadata()).exif).toBeDefined()
    for (const format of ["jpeg", "webp", "avif"] as const) {
      const output = await compress(input, { quality: 30, scale: 1, format }, limits)
      const { exif, xmp, iptc, orientation, icc, width, height } = await sharp(output.bytes).metadata()
      expect({ exif, xmp, iptc, orientation, icc, width, height }).toEqual({ width: 48, height: 64 })
      for (const secret of SECRETS) expect(holds(output.bytes, secret)).toBe(false)
    }
  })

  test("gives the very pixels of the input, stripped, when encoding would make it larger", async () => {
    const input = withSecrets(await noise(64, 48, 3).jpeg({ quality: 10 }).toBuffer(), { orientation: 6 })
    const output = await compress(input, { quality: 100, scale: 1 }, limits)
    expect(output.bytes.byteLength).toBeLessThan(input.byteLength)
    expect(output).toMatchObject({ contentType: "image/jpeg", width: 48, height: 64 })
    for (const secret of SECRETS) expect(holds(output.bytes, secret)).toBe(false)
    expect(await sharp(output.bytes).autoOrient().raw().toBuffer()).toEqual(
      await sharp(input).autoOrient().raw().toBuffer(),
    )
  })

  test.each([
    { from: "png", hasAlpha: false, becomes: "image/jpeg" },
    { from: "png", hasAlpha: true, becomes: "image/webp" },
    { from: "jpeg", hasAlpha: false, becomes: "image/jpeg" },
    { from: "webp", hasAlpha: false, becomes: "image/webp" },
    { from: "avif", hasAlpha: false, becomes: "image/avif" },
  ] as const)(
    "$from (alpha: $hasAlpha) becomes $becomes unless told otherwise",
    async ({ from, hasAlpha, becomes }) => {
      const input = await noise(64, 48, 3)
        .ensureAlpha(hasAlpha ? 0.5 : 1)
        .toFormat(from, { quality: 95 })
        .toBuffer()
      const opaque = hasAlpha ? input : await sharp(input).removeAlpha().toFormat(from, { quality: 95 }).toBuffer()
      expect((await compress(opaque, { quality: 30, scale: 1 }, limits)).contentType).toBe(becomes)
    },
  )

  test("takes the first frame of a moving picture", async () => {
    const frames = await Promise.all([1, 2, 3].map((seed) => noise(20, 10, seed).png().toBuffer()))
    const input = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer()
    const output = await compress(input, { quality: 50, scale: 1 }, limits)
    expect(await sharp(output.bytes, { animated: true }).metadata()).not.toHaveProperty("pages", 3)
    expect([output.width, output.height]).toEqual([20, 10])
  })

  test("says so where neither is possible: an AVIF is not stripped, and would become larger", async () => {
    const input = await noise(64, 48, 3).avif({ quality: 1 }).withMetadata({ orientation: 6 }).toBuffer()
    const failure = { code: "not_smaller", message: expect.stringMatching(/it would have \d+ bytes, and has \d+ now$/) }
    await expect(compress(input, { quality: 100, scale: 1 }, limits)).rejects.toMatchObject(failure)
  })

  test.each([
    { what: "cut off", bytes: async () => (await photo()).subarray(0, 2_000), code: "invalid_image" },
    { what: "of too many pixels", bytes: photo, code: "too_many_pixels", set: { maxPixels: 3_000 } },
    { what: "too wide", bytes: photo, code: "side_too_long", set: { maxSidePx: 63 } },
    { what: "too large to decode", bytes: photo, code: "too_many_pixels", set: { maxDecodeBytes: 5_000 } },
    { what: "of too many bytes", bytes: photo, code: "image_too_large", set: { maxBytes: 3_000 } },
    { what: "empty", bytes: async () => new Uint8Array(), code: "empty_body" },
    { what: "no image", bytes: async () => new TextEncoder().encode("<svg/>"), code: "unsupported_image" },
  ])("refuses what is $what: $code", async ({ bytes, code, set }) => {
    const input = await bytes()
    await expect(compress(input, { quality: 50, scale: 1 }, { ...limits, ...set })).rejects.toMatchObject({ code })
    await expect(resize(input, { width: 8, fit: "cover", quality: 80 }, { ...limits, ...set })).rejects.toMatchObject({
      code,
    })
  })
})

describe("resize()", () => {
  test.each([
    { asked: { width: 30, height: 30, fit: "cover" }, gives: [30, 30] },
    { asked: { width: 30, height: 30, fit: "contain" }, gives: [30, 30] },
    { asked: { width: 30, height: 90, fit: "fill" }, gives: [30, 90] },
    { asked: { width: 30, height: 30, fit: "inside" }, gives: [30, 23] },
    { asked: { width: 32, fit: "cover" }, gives: [32, 24] },
    { asked: { height: 96, fit: "cover" }, gives: [128, 96] },
  ] as const)("$asked of 64 × 48 gives $gives, in the input's format", async ({ asked, gives }) => {
    const output = await resize(await photo(), { ...asked, quality: 80 }, limits)
    const { width, height, format } = await sharp(output.bytes).metadata()
    expect([width, height, format, output.width, output.height]).toEqual([...gives, "jpeg", ...gives])
  })

  test("turns the picture upright before it measures, and leaves its metadata out", async () => {
    const output = await resize(
      withSecrets(await photo(), { orientation: 6 }),
      { width: 24, fit: "inside", quality: 80 },
      limits,
    )
    expect([output.width, output.height]).toEqual([24, 32])
    expect((await sharp(output.bytes).metadata()).exif).toBeUndefined()
  })

  test("as npy is what NumPy's format says, byte by byte", async () => {
    const { bytes, contentType } = await resize(
      flatPng([200, 100, 50]),
      { width: 2, height: 3, fit: "fill", format: "npy", quality: 80 },
      limits,
    )
    const header = `${"{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2, 3), }".padEnd(117)}\n`
    const expected = Buffer.concat([
      Buffer.from("\x93NUMPY\x01\x00\x76\x00", "latin1"),
      Buffer.from(header),
      Buffer.from(Array(6).fill([200, 100, 50]).flat()),
    ])
    expect(Buffer.from(bytes).toString("latin1")).toBe(expected.toString("latin1"))
    expect([contentType, bytes.length % 64]).toEqual(["application/x-npy", 18])
  })

  test("as JSON and as npy is the same array, of any image: grey, with alpha, 16 bit", async () => {
    const inputs = [
      photo(),
      noise(5, 4, 1).greyscale().png().toBuffer(),
      noise(5, 4, 2).ensureAlpha(0.3).png().toBuffer(),
      noise(5, 4, 2).toColourspace("rgb16").png().toBuffer(),
    ]
    for (const input of await Promise.all(inputs)) {
      const ask = async (format: "json" | "npy") =>
        (await resize(input, { width: 4, height: 2, fit: "fill", format, quality: 80 }, limits)).bytes
      const rows = JSON.parse(Buffer.from(await ask("json")).toString()) as number[][][]
      expect(rows.map((row) => row.map((pixel) => pixel.length))).toEqual(Array(2).fill(Array(4).fill(3)))
      expect(Buffer.from(rows.flat(2))).toEqual(Buffer.from((await ask("npy")).subarray(-24)))
    }
  })

  test("refuses an array that could not be stored, before it is made", async () => {
    const asked = { width: 5_000, height: 5_000, fit: "fill", quality: 80 } as const
    for (const format of ["json", "npy"] as const) {
      await expect(resize(flatJpeg([1, 2, 3]), { ...asked, format }, limits)).rejects.toMatchObject({
        code: "output_too_large",
      })
    }
  })
})

describe("what an encoder may be asked for", () => {
  const codeOf = (made: Promise<unknown>) =>
    made.then(
      () => "made",
      ({ code }) => code,
    )
  const tiny = flatPng([1, 2, 3], { width: 7, height: 7 })

  test("4.2 megapixels of AVIF and 12.5 of WebP, by either operation; and sides that the format has", async () => {
    const size = { fit: "fill", quality: 100 } as const
    const ends = await Promise.all([
      codeOf(resize(tiny, { width: 7_000, height: 7_000, format: "avif", ...size }, limits)),
      codeOf(resize(tiny, { width: 2_049, height: 2_049, format: "avif", ...size }, limits)),
      codeOf(resize(tiny, { width: 3_540, height: 4_097, format: "webp", ...size }, limits)),
      codeOf(resize(tiny, { width: 16_384, height: 8, format: "webp", ...size }, limits)),
      codeOf(resize(tiny, { width: 16_383, height: 8, format: "webp", ...size }, limits)),
    ])
    expect(ends).toEqual([...Array(3).fill("too_many_pixels"), "side_too_long", "made"])
    const flat = (side: number) =>
      sharp({ create: { width: side, height: side, channels: 3, background: "#123" } })
        .png({ compressionLevel: 1 })
        .toBuffer()
    const [over, small] = [await flat(2_049), { quality: 100, scale: 0.05, format: "avif" } as const]
    expect(await codeOf(compress(over, { ...small, scale: 1 }, limits))).toBe("too_many_pixels")
    expect(await codeOf(compress(over, small, limits))).toBe("made")
    expect(await codeOf(compress(await flat(3_540), { ...small, scale: 1, format: "webp" }, limits))).toBe(
      "too_many_pixels",
    )
  }, 20_000)

  test("no picture that is enlarged past the limit to be cropped again", async () => {
    const asked = { width: 16_384, height: 128, quality: 1, format: "jpeg" } as const
    expect(await codeOf(resize(tiny, { ...asked, fit: "cover" }, limits))).toBe("too_many_pixels")
    for (const fit of ["fill", "contain", "inside"] as const) {
      expect(await codeOf(resize(tiny, { ...asked, fit }, limits)), fit).toBe("made")
    }
    const strip = flatPng([1, 2, 3], { width: 1_280, height: 10 })
    expect(await codeOf(resize(strip, { ...asked, fit: "cover" }, limits))).toBe("made")
  })

  test("no array that is certain to be too large for the place that keeps it", async () => {
    const asked = { width: 1_000, height: 100, fit: "fill", quality: 80 } as const
    const ends = (maxOutputBytes: number, format: "json" | "npy") =>
      codeOf(resize(tiny, { ...asked, format }, { ...limits, maxOutputBytes }))
    expect([await ends(299_999, "npy"), await ends(300_128, "npy")]).toEqual(["output_too_large", "made"])
    // The same pixels take 8 to 14 bytes each as text: only the least is certain.
    expect([await ends(799_999, "json"), await ends(800_000, "json")]).toEqual(["output_too_large", "made"])
  })

  test("no more work a pixel for a large JPEG than for a small one", async () => {
    const cpuPerPixel = async (width: number, height: number) => {
      const grain = { type: "gaussian", mean: 128, sigma: 60 } as const
      const create = { width, height, channels: 3, background: "#888", noise: grain } as const
      const picture = await sharp({ create }).png({ compressionLevel: 0 }).toBuffer()
      const before = process.cpuUsage()
      await resize(picture, { width, height, format: "jpeg", fit: "fill", quality: 100 }, { ...limits, maxBytes: 2e7 })
      const { user, system } = process.cpuUsage(before)
      return (user + system) / width / height
    }
    await cpuPerPixel(60, 40) // The first one loads code.
    const [small, large] = [await cpuPerPixel(600, 400), await cpuPerPixel(2_100, 1_950)]
    expect(large / small).toBeLessThan(0.7)
  }, 120_000)
})

describe("stripMetadata()", () => {
  const secret = Buffer.from("SecretPlace")

  test.each(["jpeg", "png", "webp", "gif"] as const)(
    "%s keeps every pixel and the colour profile, and nothing else",
    async (format) => {
      const plain = await noise(40, 30, 5).withIccProfile("p3").toFormat(format, { quality: 70 }).toBuffer()
      const input = {
        jpeg: () => withSecrets(plain),
        png: () => withPngText(plain),
        webp: () => withWebpExif(plain),
        gif: () => withGifComment(plain),
      }[format]()
      expect(holds(input, "SecretPlace")).toBe(true)
      const output = stripMetadata(input, readImageHeaderOf(input, format))
      if (output === null) throw new Error("It was not stripped")
      expect(holds(output, "SecretPlace")).toBe(false)
      expect(output.byteLength).toBeLessThanOrEqual(plain.byteLength)
      const { exif, icc } = await sharp(output).metadata()
      expect([exif, icc?.length]).toEqual([undefined, (await sharp(plain).metadata()).icc?.length])
      expect(await sharp(output).raw().toBuffer()).toEqual(await sharp(plain).raw().toBuffer())
    },
  )

  test("a progressive JPEG keeps all its scans", async () => {
    const plain = await noise(64, 48, 5).jpeg({ progressive: true }).toBuffer()
    const output = stripMetadata(withSecrets(plain), { format: "jpeg", orientation: 1 })
    expect(output && Buffer.from(output)).toEqual(plain)
  })

  test("never throws and never grows, whatever the bytes", async () => {
    const seeds = await Promise.all(
      (["jpeg", "png", "webp", "gif"] as const).map(async (format) => ({
        format,
        bytes: await noise(9, 9, 1).toFormat(format).toBuffer(),
      })),
    )
    const mutated = fc.record({
      seed: fc.constantFrom(...seeds),
      at: fc.nat(),
      value: fc.nat(255),
      cut: fc.nat(),
      orientation: fc.constantFrom(1, 1, 1, 6),
    })
    fc.assert(
      fc.property(mutated, ({ seed, at, value, cut, orientation }) => {
        const bytes = Uint8Array.from(seed.bytes)
        bytes[at % bytes.length] = value
        const input = bytes.subarray(0, 12 + (cut % bytes.length))
        const output = stripMetadata(input, { format: seed.format, orientation })
        expect(output?.byteLength ?? 0).toBeLessThanOrEqual(input.byteLength + 40)
      }),
      { numRuns: 3_000, seed: 11 },
    )
  })

  const readImageHeaderOf = (_bytes: Uint8Array, format: string) => ({ format, orientation: 1 })
  const withPngText = (png: Buffer) =>
    Buffer.concat([
      png.subarray(0, 33),
      pngChunk("tEXt", Buffer.concat([Buffer.from("Comment\0"), secret])),
      png.subarray(33),
    ])
  const withGifComment = (gif: Buffer) => {
    const at = 13 + 3 * 2 ** (((gif[10] ?? 0) & 7) + 1)
    return Buffer.concat([
      gif.subarray(0, at),
      Buffer.from([0x21, 0xfe, secret.length]),
      secret,
      Buffer.from([0]),
      gif.subarray(at),
      secret,
    ])
  }
  const withWebpExif = (webp: Buffer) => {
    const chunk = Buffer.concat([Buffer.from("EXIF\x0b\0\0\0", "latin1"), secret, Buffer.from([0])])
    const whole = Buffer.concat([webp, chunk])
    whole.writeUInt32LE(whole.length - 8, 4)
    whole[20] = (whole[20] ?? 0) | 0b1000
    return whole
  }
})
