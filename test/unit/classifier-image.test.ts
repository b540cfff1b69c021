import { deflateSync } from "node:zlib"
import { encode } from "fast-png"
import { describe, expect, test } from "vitest"
import { decodeImage, type ImageLimits } from "../../src/classifier/image/decode-image.ts"
import { buildPng, flatJpeg, flatPng, pngChunk, withOrientation } from "../support/images.ts"

const LIMITS: ImageLimits = { maxPixels: 1_000_000, maxBytes: 1_000_000, maxDecodeBytes: 64 * 2 ** 20 }

/** Repeatable bytes. */
function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (Math.imul(index + 1, 2654435761) >>> 13) & 255)
}

const pixels = (bytes: Uint8Array) => [...decodeImage(bytes, LIMITS).rgb]

function codeOf(bytes: Uint8Array, limits: Partial<ImageLimits> = {}): string {
  try {
    decodeImage(bytes, { ...LIMITS, ...limits })
    return "decoded"
  } catch (error) {
    expect(error).toMatchObject({ name: "AppError" })
    return (error as { code: string }).code
  }
}

describe("decodeImage() of a PNG", () => {
  test("8 bits of colour come out as they went in", () => {
    const data = noise(5 * 3 * 3)
    expect(pixels(encode({ width: 5, height: 3, data, channels: 3, depth: 8 }))).toEqual([...data])
  })

  test("alpha shows white behind", () => {
    const data = Uint8Array.from([255, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 51])
    expect(pixels(encode({ width: 3, height: 1, data, channels: 4, depth: 8 }))).toEqual([
      255, 0, 0, 255, 255, 255, 204, 204, 204,
    ])
  })

  test("grey, and grey with alpha, become colour", () => {
    expect(pixels(encode({ width: 2, height: 1, data: Uint8Array.from([7, 9]), channels: 1, depth: 8 }))).toEqual([
      7, 7, 7, 9, 9, 9,
    ])
    const withAlpha = Uint8Array.from([7, 255, 9, 0])
    expect(pixels(encode({ width: 2, height: 1, data: withAlpha, channels: 2, depth: 8 }))).toEqual([
      7, 7, 7, 255, 255, 255,
    ])
  })

  test("a palette that is only a suggestion changes nothing", () => {
    const raw = Uint8Array.from([0, 1, 2, 3])
    const extra: [string, Uint8Array][] = [["PLTE", Uint8Array.from([9, 9, 9])]]
    expect(pixels(buildPng({ width: 1, height: 1, bitDepth: 8, colorType: 2, raw, extra }))).toEqual([1, 2, 3])
  })

  test("16 bits keep their high byte", () => {
    const data = Uint16Array.from([0x1234, 0xffff, 0x00ff])
    expect(pixels(encode({ width: 1, height: 1, data, channels: 3, depth: 16 }))).toEqual([0x12, 0xff, 0])
  })

  test.each([1, 2, 4, 8])("a palette of %i bits, with a transparent entry", (bitDepth) => {
    const [first, second] = [0 << (8 - bitDepth), 1 << (8 - bitDepth)]
    // Two pixels: index 0, index 1; under 8 bits they share a byte.
    const raw = bitDepth === 8 ? [0, 0, 1] : [0, first | (second >> bitDepth)]
    const extra: [string, Uint8Array][] = [
      ["PLTE", Uint8Array.from([10, 20, 30, 40, 50, 60])],
      ["tRNS", Uint8Array.from([255, 0])],
    ]
    const png = buildPng({ width: 2, height: 1, bitDepth, colorType: 3, raw: Uint8Array.from(raw), extra })
    expect(pixels(png)).toEqual([10, 20, 30, 255, 255, 255])
  })

  test.each([
    [1, 0b01000000, [0, 255]],
    [2, 0b00100000, [0, 170]],
    [4, 0x0f, [0, 255]],
  ])("grey of %i bits spans black to white", (bitDepth, byte, [left = 0, right = 0]) => {
    const png = buildPng({ width: 2, height: 1, bitDepth, colorType: 0, raw: Uint8Array.from([0, byte]) })
    expect(pixels(png)).toEqual([left, left, left, right, right, right])
  })

  test("interlaced is the same picture", () => {
    const image = { width: 13, height: 9, data: noise(13 * 9 * 3), channels: 3, depth: 8 } as const
    expect(pixels(encode(image, { interlace: "Adam7" }))).toEqual([...image.data])
  })

  test("interlaced under 8 bits is refused, not misread", () => {
    const png = buildPng({
      width: 2,
      height: 1,
      bitDepth: 1,
      colorType: 0,
      interlace: 1,
      raw: Uint8Array.from([0, 0, 0, 0]),
    })
    expect(codeOf(png)).toBe("unsupported_image")
  })

  test("a bomb in a text or colour profile chunk is never unpacked", () => {
    const bomb = deflateSync(new Uint8Array(64 * 2 ** 20))
    const raw = Uint8Array.from([0, 1, 2, 3])
    const extra: [string, Uint8Array][] = [
      ["iCCP", Buffer.concat([Buffer.from("x\0\0", "latin1"), bomb])],
      ["zTXt", Buffer.concat([Buffer.from("x\0\0", "latin1"), bomb])],
    ]
    const before = process.memoryUsage().arrayBuffers
    expect(pixels(buildPng({ width: 1, height: 1, bitDepth: 8, colorType: 2, raw, extra }))).toEqual([1, 2, 3])
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * 2 ** 20)
  })

  test.each([
    ["more samples than its header allows", 16 * 2 ** 20],
    ["fewer samples than its header asks for", 3],
  ])("%s", (_, length) => {
    const png = buildPng({ width: 1, height: 1, bitDepth: 8, colorType: 2, raw: new Uint8Array(length) })
    expect(codeOf(png)).toBe("invalid_image")
  })

  test.each([
    ["a palette that is not there", { bitDepth: 8, colorType: 3, raw: Uint8Array.from([0, 5]) }],
    ["a colour type that is not one", { bitDepth: 8, colorType: 5, raw: Uint8Array.from([0, 5]) }],
    ["an unknown filter", { bitDepth: 8, colorType: 0, raw: Uint8Array.from([9, 5]) }],
  ])("%s", (_, parts) => {
    expect(codeOf(buildPng({ width: 1, height: 1, ...parts }))).toBe("invalid_image")
  })

  test("two headers, of which the second is larger", () => {
    const png = Buffer.from(flatPng([1, 2, 3]))
    const large = Buffer.from(png.subarray(16, 29))
    large.writeUInt32BE(60_000, 0)
    large.writeUInt32BE(60_000, 4)
    expect(codeOf(Buffer.concat([png.subarray(0, 33), pngChunk("IHDR", large), png.subarray(33)]))).toBe(
      "invalid_image",
    )
  })
})

describe("decodeImage() of a JPEG", () => {
  test("gives the pixels, and the orientation of its EXIF", () => {
    const image = decodeImage(withOrientation(flatJpeg([200, 100, 50], { width: 20, height: 10 }), 6), LIMITS)
    expect(image).toMatchObject({ format: "jpeg", width: 20, height: 10, orientation: 6 })
    expect(image.rgb).toHaveLength(600)
    expect(Math.abs((image.rgb[0] ?? 0) - 200)).toBeLessThan(6)
  })

  test("refuses 12 bits per sample", () => {
    const jpeg = flatJpeg([1, 2, 3])
    const frame = Buffer.from(jpeg).indexOf(Buffer.from([0xff, 0xc0]))
    jpeg[frame + 4] = 12
    expect(codeOf(jpeg)).toBe("unsupported_image")
  })

  test("refuses a frame coded in a way it cannot read", () => {
    const jpeg = flatJpeg([1, 2, 3])
    jpeg[Buffer.from(jpeg).indexOf(Buffer.from([0xff, 0xc0])) + 1] = 0xc9
    expect(codeOf(jpeg)).toBe("unsupported_image")
  })
})

describe("decodeImage() of what is damaged", () => {
  const whole: [string, Uint8Array][] = [
    ["JPEG", flatJpeg([9, 99, 199], { width: 64, height: 48 })],
    ["PNG", encode({ width: 64, height: 48, data: noise(64 * 48 * 3), channels: 3, depth: 8 })],
  ]

  test.each(whole)("a %s cut at any length is never a picture", (_, bytes) => {
    const step = Math.max(1, Math.floor(bytes.length / 300))
    for (let length = 1; length < bytes.length - 2; length += step) {
      expect(codeOf(bytes.subarray(0, length)), `cut at ${length}`).toMatch(/^(invalid|unsupported)_image$/)
    }
  })

  test.each(whole)("a %s with any byte changed ends in a picture or a code", (_, bytes) => {
    for (let at = 0; at < bytes.length; at += Math.max(1, Math.floor(bytes.length / 500))) {
      const changed = Uint8Array.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 0x55
      expect(codeOf(changed), `byte ${at}`).toMatch(/^(decoded|invalid_image|unsupported_image|too_many_pixels)$/)
    }
  })

  test.each([
    ["nothing", new Uint8Array(), "empty_body"],
    ["text", new TextEncoder().encode("hello"), "unsupported_image"],
    ["a GIF", new TextEncoder().encode("GIF89a........................"), "unsupported_image"],
    ["noise", noise(5000), "unsupported_image"],
  ])("%s has its code", (_, bytes, code) => {
    expect(codeOf(bytes)).toBe(code)
  })

  test("keeps a library's words in the cause", () => {
    const cut = flatJpeg([1, 2, 3]).subarray(0, 400)
    expect(() => decodeImage(cut, LIMITS)).toThrow(/^Cannot (decode|read) /)
  })
})

describe("decodeImage() holds the limits", () => {
  test("bytes, by what came", () => {
    expect(codeOf(flatPng([1, 2, 3]), { maxBytes: 10 })).toBe("image_too_large")
  })

  test.each([
    ["JPEG", flatJpeg([1, 2, 3])],
    ["PNG", flatPng([1, 2, 3])],
  ])("pixels and memory of a %s, by its header", (_, bytes) => {
    expect(codeOf(bytes, { maxPixels: 32 * 32 })).toBe("decoded")
    expect(codeOf(bytes, { maxPixels: 32 * 32 - 1 })).toBe("too_many_pixels")
    expect(codeOf(bytes, { maxDecodeBytes: 2048 })).toBe("too_many_pixels")
  })

  test("a header that claims 65,500 × 65,500", () => {
    const jpeg = Buffer.from(flatJpeg([1, 2, 3]))
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]))
    jpeg.writeUInt16BE(65_500, frame + 5)
    jpeg.writeUInt16BE(65_500, frame + 7)
    expect(codeOf(jpeg)).toBe("too_many_pixels")
  })
})
