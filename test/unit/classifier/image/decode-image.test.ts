import { deflateSync } from "node:zlib"
import { encode } from "fast-png"
import { describe, expect, test } from "vitest"
import type { Codec } from "../../../../src/classifier/image/codec.ts"
import { decodeImage, type ImageLimits } from "../../../../src/classifier/image/decode-image.ts"
import { openCodec } from "../../../../src/classifier/image/open-codec.ts"
import { buildPng, flatJpeg, flatPng, pngChunk, withOrientation } from "../../../support/images/images.ts"

const LIMITS: ImageLimits = {
  maxPixels: 1_000_000,
  maxSidePx: 65_535,
  maxBytes: 1_000_000,
  maxDecodeBytes: 64 * 2 ** 20,
  maxDecodeMs: 30_000,
}
const CODECS = [await openCodec("portable"), await openCodec("native")]

/** Repeatable bytes. */
function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (Math.imul(index + 1, 2654435761) >>> 13) & 255)
}

async function codeBy(codec: Codec, bytes: Uint8Array, limits: Partial<ImageLimits> = {}): Promise<string> {
  try {
    await decodeImage(bytes, { codec, limits: { ...LIMITS, ...limits } })
    return "decoded"
  } catch (error) {
    expect(error).toMatchObject({ name: "AppError" })
    return (error as { code: string }).code
  }
}

describe.each(CODECS)("decodeImage() with the $name codec", (codec) => {
  const decode = (bytes: Uint8Array) => decodeImage(bytes, { codec, limits: LIMITS })
  const pixels = async (bytes: Uint8Array) => [...(await decode(bytes)).pixels.rgb]
  const codeOf = (bytes: Uint8Array, limits: Partial<ImageLimits> = {}) => codeBy(codec, bytes, limits)

  describe("of a PNG", () => {
    test("8 bits of colour come out as they went in", async () => {
      const data = noise(5 * 3 * 3)
      expect(await pixels(encode({ width: 5, height: 3, data, channels: 3, depth: 8 }))).toEqual([...data])
    })

    test("alpha shows white behind", async () => {
      const data = Uint8Array.from([255, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 51])
      expect(await pixels(encode({ width: 3, height: 1, data, channels: 4, depth: 8 }))).toEqual([
        255, 0, 0, 255, 255, 255, 204, 204, 204,
      ])
    })

    test("grey, and grey with alpha, become colour", async () => {
      expect(
        await pixels(encode({ width: 2, height: 1, data: Uint8Array.from([7, 9]), channels: 1, depth: 8 })),
      ).toEqual([7, 7, 7, 9, 9, 9])
      const withAlpha = Uint8Array.from([7, 255, 9, 0])
      expect(await pixels(encode({ width: 2, height: 1, data: withAlpha, channels: 2, depth: 8 }))).toEqual([
        7, 7, 7, 255, 255, 255,
      ])
    })

    test("a palette that is only a suggestion changes nothing", async () => {
      const raw = Uint8Array.from([0, 1, 2, 3])
      const extra: [string, Uint8Array][] = [["PLTE", Uint8Array.from([9, 9, 9])]]
      expect(await pixels(buildPng({ width: 1, height: 1, bitDepth: 8, colorType: 2, raw, extra }))).toEqual([1, 2, 3])
    })

    test("16 bits keep their high byte", async () => {
      const data = Uint16Array.from([0x1234, 0xffff, 0x00ff])
      expect(await pixels(encode({ width: 1, height: 1, data, channels: 3, depth: 16 }))).toEqual([0x12, 0xff, 0])
    })

    test.each([1, 2, 4, 8])("a palette of %i bits, with a transparent entry", async (bitDepth) => {
      const [first, second] = [0 << (8 - bitDepth), 1 << (8 - bitDepth)]
      // Two pixels: index 0, index 1; under 8 bits they share a byte.
      const raw = bitDepth === 8 ? [0, 0, 1] : [0, first | (second >> bitDepth)]
      const extra: [string, Uint8Array][] = [
        ["PLTE", Uint8Array.from([10, 20, 30, 40, 50, 60])],
        ["tRNS", Uint8Array.from([255, 0])],
      ]
      const png = buildPng({ width: 2, height: 1, bitDepth, colorType: 3, raw: Uint8Array.from(raw), extra })
      expect(await pixels(png)).toEqual([10, 20, 30, 255, 255, 255])
    })

    test.each([
      [1, 0b01000000, [0, 255]],
      [2, 0b00100000, [0, 170]],
      [4, 0x0f, [0, 255]],
    ])("grey of %i bits spans black to white", async (bitDepth, byte, [left = 0, right = 0]) => {
      const png = buildPng({ width: 2, height: 1, bitDepth, colorType: 0, raw: Uint8Array.from([0, byte]) })
      expect(await pixels(png)).toEqual([left, left, left, right, right, right])
    })

    test("interlaced is the same picture", async () => {
      const image = { width: 13, height: 9, data: noise(13 * 9 * 3), channels: 3, depth: 8 } as const
      expect(await pixels(encode(image, { interlace: "Adam7" }))).toEqual([...image.data])
    })

    test("a bomb in a text or colour profile chunk is never unpacked", async () => {
      const bomb = deflateSync(new Uint8Array(64 * 2 ** 20))
      const raw = Uint8Array.from([0, 1, 2, 3])
      const extra: [string, Uint8Array][] = [
        ["iCCP", Buffer.concat([Buffer.from("x\0\0", "latin1"), bomb])],
        ["zTXt", Buffer.concat([Buffer.from("x\0\0", "latin1"), bomb])],
      ]
      const before = process.memoryUsage().arrayBuffers
      expect(await pixels(buildPng({ width: 1, height: 1, bitDepth: 8, colorType: 2, raw, extra }))).toEqual([1, 2, 3])
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * 2 ** 20)
    })

    test.each([
      ["fewer samples than its header asks for", { bitDepth: 8, colorType: 2, raw: Uint8Array.from([0, 1, 2]) }],
      ["a palette that is not there", { bitDepth: 8, colorType: 3, raw: Uint8Array.from([0, 5]) }],
      ["a colour type that is not one", { bitDepth: 8, colorType: 5, raw: Uint8Array.from([0, 5]) }],
      ["an unknown filter", { bitDepth: 8, colorType: 0, raw: Uint8Array.from([9, 5]) }],
    ])("%s", async (_, parts) => {
      expect(await codeOf(buildPng({ width: 1, height: 1, ...parts }))).toBe("invalid_image")
    })

    test("two headers, of which the second is larger", async () => {
      const png = Buffer.from(flatPng([1, 2, 3]))
      const large = Buffer.from(png.subarray(16, 29))
      large.writeUInt32BE(60_000, 0)
      large.writeUInt32BE(60_000, 4)
      expect(await codeOf(Buffer.concat([png.subarray(0, 33), pngChunk("IHDR", large), png.subarray(33)]))).toBe(
        "invalid_image",
      )
    })
  })

  describe("of a JPEG", () => {
    test("gives the pixels, and the orientation of its EXIF", async () => {
      const { pixels, stored } = await decode(withOrientation(flatJpeg([200, 100, 50], { width: 20, height: 10 }), 6))
      expect(stored).toMatchObject({ format: "jpeg", width: 20, height: 10, orientation: 6 })
      expect(pixels).toMatchObject({ width: 20, height: 10, orientation: 6 })
      expect(pixels.rgb).toHaveLength(600)
      expect(Math.abs((pixels.rgb[0] ?? 0) - 200)).toBeLessThan(6)
    })

    test("refuses 12 bits per sample", async () => {
      const jpeg = flatJpeg([1, 2, 3])
      const frame = Buffer.from(jpeg).indexOf(Buffer.from([0xff, 0xc0]))
      jpeg[frame + 4] = 12
      expect(await codeOf(jpeg)).toBe("unsupported_image")
    })
  })

  describe("of what is damaged", () => {
    const whole: [string, Uint8Array][] = [
      ["JPEG", flatJpeg([9, 99, 199], { width: 64, height: 48 })],
      ["PNG", encode({ width: 64, height: 48, data: noise(64 * 48 * 3), channels: 3, depth: 8 })],
    ]

    test.each(whole)("a %s without its last samples is never a picture", async (_, bytes) => {
      const step = Math.max(1, Math.floor(bytes.length / 150))
      for (let length = 1; length < bytes.length - 24; length += step) {
        expect(await codeOf(bytes.subarray(0, length)), `cut at ${length}`).toMatch(/^(invalid|unsupported)_image$/)
      }
    })

    test.each(whole)("a %s with any byte changed ends in a picture or a code", async (_, bytes) => {
      for (let at = 0; at < bytes.length; at += Math.max(1, Math.floor(bytes.length / 200))) {
        const changed = Uint8Array.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ 0x55
        expect(await codeOf(changed), `byte ${at}`).toMatch(
          /^(decoded|invalid_image|unsupported_image|too_many_pixels|side_too_long)$/,
        )
      }
    })

    test.each([
      ["nothing", new Uint8Array(), "empty_body"],
      ["text", new TextEncoder().encode("hello"), "unsupported_image"],
      ["a BMP", new TextEncoder().encode("BM.............................."), "unsupported_image"],
      ["noise", noise(5000), "unsupported_image"],
    ])("%s has its code", async (_, bytes, code) => {
      expect(await codeOf(bytes)).toBe(code)
    })

    test("keeps a library's words in the cause", async () => {
      const cut = flatJpeg([1, 2, 3]).subarray(0, 400)
      await expect(decode(cut)).rejects.toThrow(/^Cannot (decode|read) /)
    })
  })

  describe("holds the limits", () => {
    test("bytes, by what came", async () => {
      expect(await codeOf(flatPng([1, 2, 3]), { maxBytes: 10 })).toBe("image_too_large")
    })

    test.each([
      ["JPEG", flatJpeg([1, 2, 3])],
      ["PNG", flatPng([1, 2, 3])],
    ])("pixels and memory of a %s, by its header", async (_, bytes) => {
      expect(await codeOf(bytes, { maxPixels: 32 * 32 })).toBe("decoded")
      expect(await codeOf(bytes, { maxPixels: 32 * 32 - 1 })).toBe("too_many_pixels")
      expect(await codeOf(bytes, { maxSidePx: 32 })).toBe("decoded")
      expect(await codeOf(bytes, { maxSidePx: 31 })).toBe("side_too_long")
      expect(await codeOf(bytes, { maxDecodeBytes: 2048 })).toBe("too_many_pixels")
    })

    test("a header that claims 65,500 × 65,500", async () => {
      const jpeg = Buffer.from(flatJpeg([1, 2, 3]))
      const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]))
      jpeg.writeUInt16BE(65_500, frame + 5)
      jpeg.writeUInt16BE(65_500, frame + 7)
      expect(await codeOf(jpeg)).toBe("too_many_pixels")
    })
  })
})

describe("what only the native codec reads", () => {
  const [portable, native] = CODECS as [Codec, Codec]

  test.each([
    [
      "an interlaced PNG under 8 bits",
      buildPng({ width: 2, height: 1, bitDepth: 1, colorType: 0, interlace: 1, raw: Uint8Array.from([0, 0, 0, 128]) }),
    ],
    ["a JPEG with arithmetic coding", arithmeticJpeg()],
  ])("%s, which the portable one refuses", async (_, bytes) => {
    expect(await codeBy(portable, bytes)).toBe("unsupported_image")
    expect(await codeBy(native, bytes)).toBe("decoded")
  })

  test("interlaced under 8 bits comes out as it went in", async () => {
    // Adam7 of two pixels in a row: the first is all of pass 1, the second all of pass 6; each row after its filter.
    const raw = Uint8Array.from([0, 0b1000_0000, 0, 0b0000_0000])
    const png = buildPng({ width: 2, height: 1, bitDepth: 1, colorType: 0, interlace: 1, raw })
    const { pixels } = await decodeImage(png, { codec: native, limits: LIMITS })
    expect([...pixels.rgb]).toEqual([255, 255, 255, 0, 0, 0])
  })

  test("samples beyond what a PNG's header allows: refused by one, never unpacked by the other", async () => {
    const raw = new Uint8Array(16 * 2 ** 20)
    const png = buildPng({ width: 1, height: 1, bitDepth: 8, colorType: 2, raw })
    expect(await codeBy(portable, png)).toBe("invalid_image")
    expect(await codeBy(native, png)).toBe("decoded")
  })
})

/** Sound for a decoder that knows arithmetic coding, which finds no data in it but grey. */
function arithmeticJpeg(): Uint8Array {
  const jpeg = flatJpeg([1, 2, 3])
  jpeg[Buffer.from(jpeg).indexOf(Buffer.from([0xff, 0xc0])) + 1] = 0xc9
  return jpeg
}
