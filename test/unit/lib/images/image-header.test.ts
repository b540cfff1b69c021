import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { AppError } from "../../../../src/lib/app-error.ts"
import { readImageHeader, seenImage, uprightSize } from "../../../../src/lib/images/image-header.ts"
import { concat, exifSegment, jpegHeader, noise, pngHeader, segment } from "../../../support/images/edge-images.ts"
import { flatJpeg, flatPng, withOrientation } from "../../../support/images/images.ts"
import { passesOver } from "../../../support/images/passes.ts"

const MEGABYTES_8 = 8_000_000
/** Of plain passes over the bytes: a header must not cost more than reading the file a few times. */
const MAX_PASSES = 10

function codeOf(bytes: Uint8Array): string {
  try {
    return readImageHeader(bytes).format
  } catch (error) {
    if (error instanceof AppError) return error.code
    throw error
  }
}

function repeat(unit: readonly number[] | Uint8Array, length = MEGABYTES_8): Uint8Array {
  const all = new Uint8Array(length)
  for (let at = 0; at + unit.length <= length; at += unit.length) all.set(unit, at)
  all.set([0xff, 0xd8])
  return all
}

describe("readImageHeader() of a JPEG", () => {
  it("reads what an encoder wrote", () => {
    expect(readImageHeader(flatJpeg([1, 2, 3], { width: 40, height: 30 }))).toEqual({
      format: "jpeg",
      width: 40,
      height: 30,
      orientation: 1,
      frames: 1,
      pixels: 1_200,
    })
  })

  it.each([0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc9, 0xcf])("reads the frame header %i", (frame) => {
    expect(readImageHeader(jpegHeader({ frame, width: 65_500, height: 1 }))).toMatchObject({ width: 65_500, height: 1 })
  })

  it.each([
    [0xc0, undefined],
    [0xc1, undefined],
    [0xc2, true],
    [0xca, true],
  ])("says of the frame header %i whether its picture comes in several scans", (frame, isProgressive) => {
    const header = readImageHeader(jpegHeader({ frame }))
    expect([header.isProgressive, seenImage(header).isProgressive]).toEqual([isProgressive, isProgressive])
  })

  it("takes no table for a frame header", () => {
    const tables = [0xc4, 0xc8, 0xcc].map((marker) => segment(marker, [8, 0, 1, 0, 1, 1]))
    expect(readImageHeader(jpegHeader({ before: tables, width: 7, height: 9 }))).toMatchObject({ width: 7, height: 9 })
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])("reads orientation %i in both byte orders", (orientation) => {
    for (const littleEndian of [true, false]) {
      const bytes = jpegHeader({ before: [exifSegment(orientation, { littleEndian })] })
      expect(readImageHeader(bytes).orientation).toBe(orientation)
    }
    expect(readImageHeader(withOrientation(flatJpeg([1, 2, 3]), orientation)).orientation).toBe(orientation)
  })

  it("is upright when the orientation makes no sense", () => {
    const odd = [exifSegment(0), exifSegment(9), exifSegment(6, { type: 4 })]
    for (const exif of odd) expect(readImageHeader(jpegHeader({ before: [exif] })).orientation).toBe(1)
    const shortened = segment(0xe1, [...exifSegment(6).slice(4, 24)])
    expect(readImageHeader(jpegHeader({ before: [shortened] })).orientation).toBe(1)
    const notExif = segment(0xe1, [...new TextEncoder().encode("http://ns.adobe.com/xap/1.0/\0")])
    expect(readImageHeader(jpegHeader({ before: [notExif] })).orientation).toBe(1)
  })

  it("keeps the orientation when other APP1 segments follow", () => {
    const xmp = segment(0xe1, [...new TextEncoder().encode("http://ns.adobe.com/xap/1.0/\0")])
    expect(readImageHeader(jpegHeader({ before: [exifSegment(6), xmp] })).orientation).toBe(6)
  })

  it("survives an EXIF whose directory points anywhere", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (tail) => {
        const exif = segment(0xe1, [...new TextEncoder().encode("Exif\0\0"), ...tail])
        expect(codeOf(jpegHeader({ before: [exif] }))).toBe("jpeg")
      }),
    )
  })

  it("skips fill bytes, stray bytes and markers that stand alone", () => {
    const odd = [Uint8Array.of(0xff, 0xff, 0xff), Uint8Array.of(1, 2, 3), Uint8Array.of(0xff, 0x01, 0xff, 0xd3)]
    expect(readImageHeader(jpegHeader({ before: odd, width: 5, height: 6 }))).toMatchObject({ width: 5, height: 6 })
  })

  it("refuses one without a size, one that ends before its frame, and one that is cut anywhere in its header", () => {
    expect(codeOf(jpegHeader({ width: 0 }))).toBe("invalid_image")
    expect(codeOf(jpegHeader({ height: 0 }))).toBe("invalid_image")
    expect(codeOf(concat([Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), jpegHeader()]))).toBe("invalid_image")
    expect(codeOf(jpegHeader({ before: [Uint8Array.of(0xff, 0xe0, 0, 1)] }))).toBe("invalid_image")
    const whole = jpegHeader({ before: [exifSegment(6), segment(0xe0, [1, 2, 3])] })
    const frameAt = whole.findIndex((byte, i) => byte === 0xff && whole[i + 1] === 0xc0)
    for (let length = 2; length < frameAt + 9; length++) expect(codeOf(whole.slice(0, length))).toBe("invalid_image")
  })

  it.each([
    ["fill bytes", repeat([0xff])],
    ["zeros", repeat([0])],
    ["noise", repeat(noise(MEGABYTES_8))],
    ["empty segments", repeat([0xff, 0xe0, 0, 2])],
    ["empty EXIF segments", repeat([0xff, 0xe1, 0, 2])],
    ["restart markers", repeat([0xff, 0xd0])],
    ["small EXIF segments", repeat(exifSegment(6))],
    ["EXIF segments full of tags", repeat(segment(0xe1, [...exifSegment(6).slice(4, 10), ...fullDirectory()]))],
  ])("is done with 8 MB of %s before it costs anything", (_what, bytes) => {
    // Noise can look like a frame header: whoever decodes it finds out.
    expect(["invalid_image", "jpeg"]).toContain(codeOf(bytes))
    expect(passesOver(bytes, codeOf)).toBeLessThan(MAX_PASSES)
  })
})

/** A directory as long as a segment can be, without an orientation in it. */
function fullDirectory(): number[] {
  const entries = 5_400
  return [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, entries >> 8, entries & 255, ...new Array<number>(entries * 12).fill(1)]
}

describe("readImageHeader() of a PNG", () => {
  it("reads what an encoder wrote", () => {
    expect(readImageHeader(flatPng([1, 2, 3], { width: 40, height: 30 }))).toEqual({
      format: "png",
      width: 40,
      height: 30,
      orientation: 1,
      frames: 1,
      pixels: 1_200,
    })
  })

  it("reads sizes up to the format's own limit, and none beyond", () => {
    expect(readImageHeader(pngHeader({ width: 2 ** 31 - 1, height: 1 })).width).toBe(2 ** 31 - 1)
    for (const width of [0, 2 ** 31, 2 ** 32 - 1]) expect(codeOf(pngHeader({ width }))).toBe("invalid_image")
  })

  it("refuses one that is cut anywhere in its header, or begins with another chunk", () => {
    const whole = pngHeader()
    for (let length = 8; length < 33; length++) expect(codeOf(whole.slice(0, length))).toBe("invalid_image")
    const other = pngHeader()
    other.set(new TextEncoder().encode("IDAT"), 12)
    expect(codeOf(other)).toBe("invalid_image")
  })
})

describe("readImageHeader() of anything", () => {
  const start = fc.constantFrom<number[]>([], [0xff, 0xd8], [0xff, 0xd8, 0xff], [...pngHeader().slice(0, 16)])

  it("throws nothing but AppError", () => {
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 300 }), (head, tail) => {
        expect(codeOf(Uint8Array.from([...head, ...tail]))).toEqual(expect.any(String))
      }),
      { numRuns: 2_000 },
    )
  })

  it("throws nothing but AppError for a real picture with some bytes changed, in a view into a larger buffer", () => {
    const whole = withOrientation(flatJpeg([1, 2, 3]), 6)
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), fc.nat(whole.length), (changes, length) => {
        const buffer = new Uint8Array(whole.length + 7)
        buffer.set(whole, 7)
        for (const [at, value] of changes) buffer[at + 7] = value
        expect(codeOf(buffer.subarray(7, 7 + length))).toEqual(expect.any(String))
      }),
      { numRuns: 2_000 },
    )
  })

  it("says empty_body for no bytes, and names formats that it knows and does not take", () => {
    expect(codeOf(new Uint8Array())).toBe("empty_body")
    const formats = [
      ["HEIC", "\0\0\0\x20ftypheic"],
      ["BigTIFF", "II+\0"],
      ["BigTIFF", "MM\0+"],
      ["JPEG XL", "\xff\x0a"],
      ["SVG", "<svg xmlns"],
      ["BMP", "BM"],
      ["PDF", "%PDF-1.7"],
    ] as const
    for (const [name, text] of formats) {
      const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0))
      expect(() => readImageHeader(bytes)).toThrow(`${name} is not supported; send JPEG, PNG, WebP, AVIF, GIF or TIFF`)
      expect(codeOf(bytes)).toBe("unsupported_image")
    }
    expect(codeOf(Uint8Array.of(1))).toBe("unsupported_image")
    expect(codeOf(Uint8Array.of(0xff))).toBe("unsupported_image")
  })
})

describe("uprightSize()", () => {
  it("turns orientations 5 to 8 on their side, and no other", () => {
    const sizes = [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) => uprightSize({ width: 2, height: 1, orientation }))
    expect(sizes.map(({ width }) => width)).toEqual([2, 2, 2, 2, 1, 1, 1, 1])
  })
})
