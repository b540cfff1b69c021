import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Operation, parseOperation } from "../../../../src/lib/operations/operations.ts"
import { jobCost, unpaidShare } from "../../../../src/lib/queue/job-cost.ts"

const classify = parseOperation("classify", {})
const compress = parseOperation("compress", {})
const picture = (format: string, width: number, height: number, isProgressive?: boolean) => ({
  format,
  width,
  height,
  ...(isProgressive && { isProgressive }),
})

const resize = (options: Record<string, string>) => parseOperation("resize", options)
const thumbnail = resize({ width: "100" })

describe("jobCost()", () => {
  it.each([
    ["a thumbnail", picture("jpeg", 320, 240)],
    ["a phone's photo", picture("jpeg", 4_000, 3_000)],
    ["a photo of 20 megapixels", picture("jpeg", 5_472, 3_648)],
    ["a screenshot", picture("png", 1_920, 1_080)],
    ["a picture of a page", picture("webp", 1_200, 800)],
    ["a picture that nobody has seen yet", undefined],
  ])("is 1 for an ordinary classification: of %s", (_what, image) => {
    expect(jobCost({ operation: classify, image })).toBe(1)
  })

  it("counts a progressive JPEG at its full size, however small a picture is made of it", () => {
    const cost = (isProgressive: boolean) =>
      jobCost({ operation: thumbnail, image: picture("jpeg", 7_000, 7_000, isProgressive) })
    expect(cost(true)).toBeGreaterThanOrEqual(3 * cost(false))
    expect(jobCost({ operation: classify, image: picture("jpeg", 1_920, 1_080, true) })).toBe(1)
  })

  it("is at least 1, and whole, for whatever is asked", () => {
    const operations = fc.oneof(
      fc.constant(classify),
      fc.constant(parseOperation("inspect", {})),
      fc
        .record({ quality: fc.integer({ min: 1, max: 100 }), scale: fc.constantFrom("0.001", "0.5", "1") })
        .map(({ quality, scale }) => parseOperation("compress", { quality: String(quality), scale })),
      fc
        .integer({ min: 1, max: 4_000 })
        .map((width) => parseOperation("resize", { width: String(width), format: "avif" })),
    )
    const images = fc.record({
      format: fc.constantFrom("jpeg", "png", "webp", "avif", "gif", "tiff"),
      width: fc.integer({ min: 1, max: 7_000 }),
      height: fc.integer({ min: 1, max: 7_000 }),
    })
    fc.assert(
      fc.property(operations, fc.option(images, { nil: undefined }), (operation: Operation, image) => {
        const cost = jobCost({ operation, image })
        expect(Number.isInteger(cost)).toBe(true)
        expect(cost).toBeGreaterThanOrEqual(1)
      }),
    )
  })

  it("counts an unseen picture as a phone's photo", () => {
    expect(jobCost({ operation: compress })).toBe(
      jobCost({ operation: compress, image: picture("jpeg", 4_000, 3_000) }),
    )
    expect(jobCost({ operation: compress })).toBeGreaterThan(5)
  })

  it("says what is unpaid of a picture that nobody had seen, and gives nothing back", () => {
    expect(unpaidShare(classify, picture("jpeg", 640, 480))).toBe(0)
    expect(unpaidShare(compress, picture("jpeg", 640, 480))).toBe(0)
    const large = picture("avif", 6_000, 5_000)
    expect(1 + unpaidShare(classify, large)).toBeCloseTo(jobCost({ operation: classify, image: large }))
  })
})
