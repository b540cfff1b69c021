import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { loadModel } from "../../../../src/classifier/engine/tfjs/load-model.ts"
import { startWasm } from "../../../../src/classifier/engine/tfjs/start-wasm.ts"
import { portableCodec } from "../../../../src/classifier/image/portable-codec.ts"
import { classify } from "../../../../src/classifier/operations/classify.ts"
import { flatPng } from "../../../support/images/images.ts"
import { COLOR_WEIGHTS, writeTinyModel } from "../../../support/models/tiny-model.ts"

const LIMITS = { maxPixels: 1e6, maxSidePx: 65_535, maxBytes: 1e6, maxDecodeBytes: 1e9, maxDecodeMs: 60_000 }
// Half of the picture's mean, so that no score is quite 0 or 1.
const weights = COLOR_WEIGHTS.map((weight) => weight / 5)

const load = (manifest: object) => {
  const root = writeTinyModel("tiny", { output: "logits", weights, manifest })
  return loadModel("tiny", join(root, "tiny"))
}

/** Labels of a picture that is yellow: red and green, not blue. */
async function labelsOfYellow(manifest: object, threshold?: number) {
  const model = await load(manifest)
  const operation = { name: "classify", topK: 3, ...(threshold !== undefined && { threshold }) } as const
  const bytes = new Uint8Array(flatPng([255, 200, 0]))
  const context = { model, codec: portableCodec, limits: LIMITS, isStopped: () => false, nowMs: Date.now }
  const result = await classify({ operation, bytes }, context)
  model.dispose()
  return result?.predictions?.map(({ label, probability }) => [label, Number(probability.toFixed(2))])
}

describe('a model with "output": "multilabel"', () => {
  beforeAll(startWasm)

  test("gives each label a probability of its own, by the sigmoid, and those from 0.5 on as answers", async () => {
    expect(await labelsOfYellow({ output: "multilabel" })).toEqual([
      ["red", 0.88],
      ["green", 0.76],
    ])
  })

  test.each([
    ["one threshold", 0.8, ["red"]],
    ["one for each label, in order", [0.9, 0.5, 0], ["green", "blue"]],
    ["some by label", { red: 0.95, blue: 0.1 }, ["green", "blue"]],
  ])("takes %s", async (_, thresholds, expected) => {
    const found = await labelsOfYellow({ output: "multilabel", thresholds })
    expect(found?.map(([label]) => label)).toEqual(expected)
  })

  test("lets the caller's threshold count in place of its own", async () => {
    expect(await labelsOfYellow({ output: "multilabel", thresholds: 0.99 }, 0.1)).toHaveLength(3)
  })

  test.each([
    [{ output: "multilabel", thresholds: [0.5, 0.5] }, "it has 2 numbers, the model has 3 labels"],
    [{ output: "multilabel", thresholds: { pink: 0.5 } }, 'the model has no label "pink"'],
    [{ thresholds: 0.5 }, 'only a model with "output": "multilabel" has them'],
    [{ output: "multilabel", thresholds: 1.5 }, "thresholds"],
  ])("refuses %j by name", async (manifest, message) => {
    await expect(load(manifest)).rejects.toMatchObject({
      code: "bad_manifest",
      message: expect.stringContaining(message),
    })
  })
})
