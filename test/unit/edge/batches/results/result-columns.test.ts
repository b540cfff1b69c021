import { expect, it } from "vitest"
import type { PictureResult } from "../../../../../src/edge/batches/results/picture-result.ts"
import { cellsOf, headerOf } from "../../../../../src/edge/batches/results/result-columns.ts"
import type { Batch } from "../../../../../src/lib/batches/batch.ts"
import { parseOperation } from "../../../../../src/lib/operations/operations.ts"

it("a batch of embed has the features of each picture in a column of their own, as a list or base64", () => {
  const plan = { columns: ["id"], operation: parseOperation("embed", {}) } as unknown as Batch["plan"]
  expect(headerOf(plan)).toEqual(["id", "status", "features", "model", "error"])
  const cellOf = (features: number[] | string) => {
    const end = { status: "succeeded", model: "m", result: { features } } as unknown as PictureResult
    return cellsOf({ number: 1, row: { cells: ["7"], pictures: [0] }, pictures: [end] }, plan)
  }
  expect(cellOf([0.5, -1])).toEqual(["7", "succeeded", "[0.5,-1]", "m", ""])
  expect(cellOf("AAAAPw==")).toEqual(["7", "succeeded", "AAAAPw==", "m", ""])
})
