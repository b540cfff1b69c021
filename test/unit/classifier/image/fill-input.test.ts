import { describe, expect, test } from "vitest"
import { fillInput, type InputRule } from "../../../../src/classifier/image/fill-input.ts"
import { orientedView } from "../../../../src/classifier/image/orientation.ts"
import { respawnDelayMs } from "../../../../src/classifier/lane/lane-pool.ts"
import { topK } from "../../../../src/classifier/operations/top-k.ts"

/** A grey picture from rows of values. */
function picture(rows: number[][], orientation = 1) {
  const rgb = Uint8Array.from(rows.flat().flatMap((value) => [value, value, value]))
  return { width: rows[0]?.length ?? 0, height: rows.length, rgb, orientation }
}

function fill(image: ReturnType<typeof picture>, rule: Partial<InputRule>): number[] {
  const whole: InputRule = { width: 2, height: 2, mean: 0, std: 1, fit: "stretch", cropFraction: 1, ...rule }
  const input = new Float32Array(whole.width * whole.height * 3)
  fillInput(input, image, whole)
  return [...input.filter((_, index) => index % 3 === 0)]
}

describe("fillInput()", () => {
  test("copies an image that has the input's size", () => {
    expect(
      fill(
        picture([
          [1, 2],
          [3, 4],
        ]),
        {},
      ),
    ).toEqual([1, 2, 3, 4])
  })

  test("samples at pixel centres, without antialias", () => {
    // Centres of 2 target pixels on 8 source pixels lie at 1.5 and 5.5.
    expect(fill(picture([[0, 10, 20, 30, 40, 50, 60, 70]]), { height: 1 })).toEqual([15, 55])
    expect(fill(picture([[0, 100]]), { width: 4, height: 1 })).toEqual([0, 25, 75, 100])
  })

  test("crops the middle square of the shorter side", () => {
    expect(
      fill(
        picture([
          [9, 1, 2, 9],
          [9, 3, 4, 9],
        ]),
        { fit: "crop" },
      ),
    ).toEqual([1, 2, 3, 4])
    expect(
      fill(
        picture([
          [9, 9, 9, 9],
          [9, 1, 2, 9],
          [9, 3, 4, 9],
          [9, 9, 9, 9],
        ]),
        { fit: "crop", cropFraction: 0.5 },
      ),
    ).toEqual([1, 2, 3, 4])
  })

  test("normalises each channel by its own mean and deviation", () => {
    const input = new Float32Array(3)
    const rule: InputRule = { width: 1, height: 1, mean: [0, 10, 20], std: [1, 2, 4], fit: "stretch", cropFraction: 1 }
    fillInput(input, { width: 1, height: 1, rgb: Uint8Array.from([100, 100, 100]), orientation: 1 }, rule)
    expect([...input]).toEqual([100, 45, 20])
  })

  test("puts blue first where the model wants that, each channel by its own mean and deviation", () => {
    const input = new Float32Array(6)
    const scale = { mean: [0, 10, 20], std: [1, 2, 4] } satisfies Partial<InputRule>
    const rule: InputRule = { width: 2, height: 1, ...scale, channels: "bgr", fit: "stretch", cropFraction: 1 }
    const rgb = Uint8Array.from([1, 30, 60, 2, 10, 20])
    fillInput(input, { width: 2, height: 1, rgb, orientation: 1 }, rule)
    expect([...input]).toEqual([10, 10, 1, 0, 0, 2])
  })

  // The same picture, [[1, 2, 3], [4, 5, 6]] as seen, in the eight ways a camera stores it (Exif 2.32, figure of tag 0x0112).
  test.each([
    [
      1,
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ],
    [
      2,
      [
        [3, 2, 1],
        [6, 5, 4],
      ],
    ],
    [
      3,
      [
        [6, 5, 4],
        [3, 2, 1],
      ],
    ],
    [
      4,
      [
        [4, 5, 6],
        [1, 2, 3],
      ],
    ],
    [
      5,
      [
        [1, 4],
        [2, 5],
        [3, 6],
      ],
    ],
    [
      6,
      [
        [3, 6],
        [2, 5],
        [1, 4],
      ],
    ],
    [
      7,
      [
        [6, 3],
        [5, 2],
        [4, 1],
      ],
    ],
    [
      8,
      [
        [4, 1],
        [5, 2],
        [6, 3],
      ],
    ],
  ])("shows orientation %i upright", (orientation, stored) => {
    const image = picture(stored, orientation)
    expect(orientedView(image, orientation)).toMatchObject({ width: 3, height: 2 })
    expect(fill(image, { width: 3, height: 2 })).toEqual([1, 2, 3, 4, 5, 6])
  })

  test("gives one value a pixel of grey, the luma, by the first mean and deviation", () => {
    const rgb = Uint8Array.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 100, 100, 100])
    const input = new Float32Array(4)
    const rule = {
      width: 2,
      height: 2,
      channels: "gray",
      mean: 127,
      std: 127,
      fit: "stretch",
      cropFraction: 1,
    } as const
    fillInput(input, { width: 2, height: 2, rgb, orientation: 1 }, rule)
    const expected = [0.2989 * 255, 0.587 * 255, 0.114 * 255, 0.9999 * 100].map((luma) => (luma - 127) / 127)
    for (const [at, value] of expected.entries()) expect(input[at]).toBeCloseTo(value, 5)
  })

  test("takes an image of one pixel", () => {
    expect(fill(picture([[7]]), { fit: "crop", cropFraction: 0.875 })).toEqual([7, 7, 7, 7])
  })
})

describe("topK()", () => {
  const labels = ["a", "b", "c", "d"]

  test("gives the best first, the lower index of two equals first", () => {
    const best = topK(Float32Array.from([0.25, 0.5, 0.25, 0]), labels, 3)
    expect(best.map(({ label, classIndex }) => [label, classIndex])).toEqual([
      ["b", 1],
      ["a", 0],
      ["c", 2],
    ])
  })

  test("gives all where fewer are there than asked for", () => {
    expect(topK(Float32Array.from([0.1, 0.9]), labels, 5)).toHaveLength(2)
  })
})

test("respawnDelayMs() is none for one loss, and doubles up to its cap", () => {
  expect([0, 1, 2, 3, 20].map((losses) => respawnDelayMs(losses))).toEqual([0, 100, 200, 400, 30_000])
})
