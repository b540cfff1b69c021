import { describe, expect, test } from "vitest"
import { evaluateAnswers, type Judged } from "../../../../src/lib/training/evaluation.ts"
import { mcnemar } from "../../../../src/lib/training/mcnemar.ts"
import { wilson } from "../../../../src/lib/training/wilson.ts"

describe("mcnemar()", () => {
  test.each([
    // Fagerland et al. 2013, table 1: exact 0.070, mid-p 0.039.
    [1, 7, 0.0391],
    [7, 1, 0.0391],
    [0, 0, 1],
    [0, 1, 0.5],
    [3, 3, 1 - 20 / 64 / 2],
    [0, 5, 1 / 32],
  ])("of %i and %i is %f", (first, other, p) => expect(mcnemar(first, other)).toBeCloseTo(p, 4))

  test("stays a probability with counts whose factorials overflow", () => {
    // By the normal distribution: z = 2.
    expect(mcnemar(4_900, 5_100)).toBeCloseTo(0.0455, 3)
    expect(mcnemar(0, 3_000)).toBe(0)
  })
})

test("wilson() gives the interval of textbooks", () => {
  const { value, low, high } = wilson(81, 263)
  expect([value, low, high].map((share) => Number(share.toFixed(4)))).toEqual([0.308, 0.2553, 0.3662])
  expect(wilson(10, 10).low).toBeCloseTo(0.7225, 4)
})

/** Rows are classes, columns what they were named; the last column is a class that is not asked about. */
function answersOf(matrix: readonly (readonly number[])[], probability = 0.9): Judged[] {
  return matrix.flatMap((row, label) =>
    row.flatMap((count, column) =>
      Array.from({ length: count }, () => {
        return { label, predicted: column < matrix.length ? column : null, inTop5: label === column, probability }
      }),
    ),
  )
}

describe("evaluateAnswers()", () => {
  test("counts the matrix, precision, recall and F1 of each class", () => {
    const matrix = [
      [4, 1, 1, 0],
      [6, 2, 2, 0],
      [3, 0, 6, 1],
    ]
    const { confusion, perClass, top1, pictures } = evaluateAnswers(answersOf(matrix), 3)
    expect(confusion).toEqual(matrix.map((row) => row.slice(0, 3)))
    expect(perClass.map(({ pictures, right, other }) => [pictures, right, other])).toEqual([
      [6, 4, 0],
      [10, 2, 0],
      [10, 6, 1],
    ])
    const rounded = perClass.map(({ precision, recall, f1 }) =>
      [precision, recall?.value, f1].map((n) => n?.toFixed(3)),
    )
    expect(rounded).toEqual([
      ["0.308", "0.667", "0.421"],
      ["0.667", "0.200", "0.308"],
      ["0.667", "0.600", "0.632"],
    ])
    expect([top1.value, pictures]).toEqual([12 / 26, 26])
  })

  test("a class that no image is of, or is named as, has no share instead of a wrong one", () => {
    const { perClass } = evaluateAnswers([{ label: 0, predicted: 1, inTop5: true, probability: 0.4 }], 3)
    expect(perClass.map(({ precision, f1 }) => [precision, f1])).toEqual([
      [null, 0],
      [0, 0],
      [null, null],
    ])
    expect(perClass[2]?.recall).toBeNull()
    expect(evaluateAnswers([], 2)).toMatchObject({ pictures: 0, calibration: { error: 0, bins: [] } })
  })

  test("the calibration error weighs each bin by its images", () => {
    const answers = [...answersOf([[3, 1]], 0.75), ...answersOf([[0, 4]], 1)]
    const { calibration } = evaluateAnswers(answers, 1)
    expect(calibration.bins.map(({ from, pictures, accuracy }) => [from, pictures, accuracy])).toEqual([
      [0.7, 4, 0.75],
      [0.9, 4, 0],
    ])
    expect(calibration.error).toBe(0.5)
  })
})
