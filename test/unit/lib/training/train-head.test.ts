import { describe, expect, test } from "vitest"
import { askAll, assignFolds, countRight } from "../../../../src/lib/training/cross-validate.ts"
import { type Features, featuresOf, scalingOf } from "../../../../src/lib/training/features.ts"
import { balancedWeights, fitHead } from "../../../../src/lib/training/fit-head.ts"
import { minimise } from "../../../../src/lib/training/minimise.ts"
import { seededRandom } from "../../../../src/lib/training/random.ts"
import { reduceRows } from "../../../../src/lib/training/reduce-rows.ts"
import { rejectThreshold, type TrainingSet, trainHead } from "../../../../src/lib/training/train-head.ts"
import { wilson } from "../../../../src/lib/training/wilson.ts"

/** Clouds of points of variance 1, whose centres lie `apart` from the origin on an axis of their own each. */
function clouds(sizes: readonly number[], { length = 12, apart = 4, seed = 1 } = {}): TrainingSet {
  const random = seededRandom(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const rows = sizes.flatMap((size, label) =>
    Array.from({ length: size }, () => Float32Array.from({ length }, (_, at) => normal() + (at === label ? apart : 0))),
  )
  const labels = Int32Array.from(sizes.flatMap((size, label) => new Array<number>(size).fill(label)))
  return { features: featuresOf(rows), labels, classes: sizes.length }
}

const accuracyOn = (head: Parameters<typeof askAll>[0], set: TrainingSet) =>
  countRight(askAll(head, set), set.labels) / set.labels.length

describe("trainHead()", () => {
  test("comes as close to what is possible as clouds of points allow, and says what it will get", async () => {
    const { head, crossValidated } = await trainHead(clouds([60, 60, 60]))
    // Two centres are 4·√2 apart: the best rule there is gets 99.5 % right.
    expect(accuracyOn(head, clouds([400, 400, 400], { seed: 2 }))).toBeGreaterThan(0.97)
    expect(crossValidated.accuracy.low).toBeLessThan(0.99)
    expect(crossValidated.accuracy.high).toBeGreaterThan(0.97)
  })

  test("fits an uneven set without forgetting the small class", async () => {
    const { head } = await trainHead(clouds([300, 10], { apart: 3 }))
    const few = clouds([0, 400], { apart: 3, seed: 3 })
    expect(accuracyOn(head, few)).toBeGreaterThan(0.9)
  })

  test("gives the same bits again, in blocks of any size too", async () => {
    const set = clouds([40, 30, 20])
    const flat = Float32Array.from([...set.features.blocks()].flatMap((row) => [...row]))
    const inBlocks: Features = {
      ...set.features,
      *blocks() {
        for (let start = 0; start < flat.length; start += 84) yield flat.subarray(start, start + 84)
      },
    }
    const [first, second, third] = [
      await trainHead(set, { seed: 7 }),
      await trainHead(set, { seed: 7 }),
      await trainHead({ ...set, features: inBlocks }, { seed: 7 }),
    ]
    expect(second).toEqual(first)
    expect(third).toEqual(first)
  })

  test("learns from more rows than its L2 is chosen on, and asks about each of them", async () => {
    const set = clouds([1_500, 1_000], { apart: 3, length: 6 })
    const { head, crossValidated } = await trainHead(set)
    expect(accuracyOn(head, clouds([400, 400], { apart: 3, length: 6, seed: 2 }))).toBeGreaterThan(0.96)
    expect(crossValidated.said.filter((label) => label >= 0)).toHaveLength(2_500)
    expect(crossValidated.accuracy.high - crossValidated.accuracy.low).toBeLessThan(0.02)
  })

  test("learns nothing where there is nothing to learn, and says so", async () => {
    const { crossValidated } = await trainHead(clouds([200, 200], { apart: 0 }))
    expect(crossValidated.accuracy.value).toBeLessThan(0.6)
  })

  test("takes two pictures a class, and features that never change", async () => {
    const rows = [0, 0.1, 5, 5.1].map((value) => Float32Array.from([value, 1, 0]))
    const { head } = await trainHead({ features: featuresOf(rows), labels: Int32Array.from([0, 0, 1, 1]), classes: 2 })
    expect([...askAll(head, { features: featuresOf(rows), labels: new Int32Array(4), classes: 2 }).said]).toEqual([
      0, 0, 1, 1,
    ])
  })

  test("can be stopped between two steps", async () => {
    const onStep = () => {
      throw new Error("enough")
    }
    await expect(trainHead(clouds([20, 20]), { onStep })).rejects.toThrow("enough")
  })
})

describe("fitHead()", () => {
  const set = clouds([30, 20, 10], { length: 200, apart: 2 })
  const data = { ...set, scaling: scalingOf(set.features) }
  const options = {
    l2: 1e-3,
    tolerance: 1e-8,
    maxSteps: 1_000,
    weights: balancedWeights(set.labels, 3, () => true),
  }

  test("is at the minimum: each class is said, weighed, as often as it occurs", async () => {
    const { head } = await fitHead(data, options)
    const sums = new Float64Array(3)
    let index = 0
    for (const row of set.features.blocks()) {
      const scores = Array.from(head.bias, (bias, k) =>
        row.reduce((sum, value, at) => sum + value * (head.kernel[at * 3 + k] ?? 0), bias),
      )
      const total = scores.reduce((sum, score) => sum + Math.exp(score), 0)
      for (const [k, score] of scores.entries()) {
        sums[k] = (sums[k] ?? 0) + ((options.weights[index] ?? 0) * Math.exp(score)) / total
      }
      index++
    }
    for (const sum of sums) expect(sum).toBeCloseTo(1 / 3, 6)
  })

  test("gives the same head from rows that were reduced", async () => {
    const { head } = await fitHead(data, options)
    const reduced = reduceRows(data)
    const narrow = await fitHead(reduced.data, options)
    const wide = reduced.expand(narrow.head)
    for (const [at, value] of head.kernel.entries()) expect(wide.kernel[at]).toBeCloseTo(value, 4)
    for (const [k, value] of head.bias.entries()) expect(wide.bias[k]).toBeCloseTo(value, 4)
  })
})

test("minimise() finds the bottom of a narrow valley", async () => {
  const factors = [1, 100, 10_000]
  const objective = (point: Float64Array) => ({
    value: factors.reduce((sum, factor, at) => sum + (factor * ((point[at] ?? 0) - at) ** 2) / 2, 0),
    gradient: point.map((value, at) => (factors[at] ?? 0) * (value - at)),
  })
  const found = await minimise(objective, Float64Array.from([5, 5, 5]), { tolerance: 1e-9, maxSteps: 200 })
  for (const [at, value] of found.entries()) expect(value).toBeCloseTo(at, 6)
})

test("assignFolds() spreads each class over all folds", () => {
  const labels = Int32Array.from({ length: 33 }, (_, row) => row % 3)
  const folds = assignFolds(labels, 5, seededRandom(0))
  for (const label of [0, 1, 2]) {
    const counts = [0, 1, 2, 3, 4].map(
      (fold) => folds.filter((own, row) => own === fold && labels[row] === label).length,
    )
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
  }
})

test("wilson() agrees with the published example", () => {
  // Newcombe 1998, table I: 81 of 263 and 0 of 20.
  expect(wilson(81, 263)).toEqual({
    value: 81 / 263,
    low: expect.closeTo(0.2553, 4),
    high: expect.closeTo(0.3662, 4),
  })
  expect(wilson(0, 20)).toEqual({ value: 0, low: 0, high: expect.closeTo(0.1611, 4) })
})

test("rejectThreshold() calls the asked share of what was rightly named unknown", () => {
  const probability = Float64Array.from({ length: 100 }, (_, row) => (row + 1) / 100)
  const answers = { loss: 0, said: new Int32Array(100), probability }
  expect(rejectThreshold(answers, new Int32Array(100), 0.05)).toBeCloseTo(0.06, 4)
})
