import { join } from "node:path"
import { memory } from "@tensorflow/tfjs"
import { beforeAll, describe, expect, test } from "vitest"
import { type LoadedModel, loadModel } from "../../../../src/classifier/engine/tfjs/load-model.ts"
import { startWasm } from "../../../../src/classifier/engine/tfjs/start-wasm.ts"
import { COLOR_WEIGHTS, type TinyModelOptions, writeTinyModel } from "../../../support/models/tiny-model.ts"

const load = (options: TinyModelOptions = {}): Promise<LoadedModel> => {
  return loadModel("tiny", join(writeTinyModel("tiny", options), "tiny"))
}

/** What the model says of an image that is red all over. */
function predictRed({ input, predict }: LoadedModel): Promise<Float32Array> {
  for (let at = 0; at < input.length; at += 3) input.set([1, -1, -1], at)
  return predict()
}

describe("loadModel()", () => {
  beforeAll(startWasm)

  test.each([
    ["a layers model", { kind: "layers" }],
    ["a graph model", { kind: "graph" }],
    ["logits of a layers model", { kind: "layers", output: "logits" }],
    ["logits of a graph model", { kind: "graph", output: "logits" }],
  ] as const)("loads %s and gives probabilities", async (_, options) => {
    const model = await load(options)
    const probabilities = await predictRed(model)
    expect(model.info).toMatchObject({ id: "tiny", name: "tiny", inputWidth: 8, inputHeight: 8, labels: 3 })
    expect(probabilities[0]).toBeGreaterThan(0.99)
    expect(probabilities.reduce((sum, value) => sum + value)).toBeCloseTo(1, 5)
  })

  test("takes the input size from the manifest where the model leaves it open", async () => {
    const shape = [null, null, 3]
    const model = await load({ kind: "graph", shape, manifest: { input: { width: 16, height: 12 } } })
    expect(model.info).toMatchObject({ inputWidth: 16, inputHeight: 12 })
    expect(model.input).toHaveLength(16 * 12 * 3)
    await expect(load({ kind: "graph", shape })).rejects.toThrow("claimcheck.json: input.width is needed")
  })

  test("gives the same version for the same files, another when any file changes", async () => {
    const versions = await Promise.all(
      [
        {},
        {},
        { labels: ["a", "b", "c"] },
        { manifest: { name: "x" } },
        { weights: COLOR_WEIGHTS.map((w) => w / 2) },
      ].map(async (options) => (await load(options)).info.version),
    )
    expect(versions[0]).toMatch(/^[0-9a-f]{12}$/)
    expect(versions[1]).toBe(versions[0])
    expect(new Set(versions).size).toBe(4)
  })

  test.each([
    ["a missing shard", { withoutShard: true }, "missing_file", "Cannot find shard weights.bin"],
    ["a shard of the wrong size", { weights: new Float32Array(11) }, "shard_size", "44 bytes, model.json describes 48"],
    ["too few labels", { labels: ["a", "b"] }, "labels_count", "labels.txt has 2 labels, the model's output has 3"],
    [
      "weights with NaN",
      { weights: COLOR_WEIGHTS.map((w, at) => (at === 4 ? Number.NaN : w)) },
      "nan_weights",
      "dense/kernel",
    ],
    [
      "weights with NaN in a graph",
      { kind: "graph", weights: COLOR_WEIGHTS.fill.call(COLOR_WEIGHTS.slice(), Number.NaN, 11) },
      "nan_weights",
      "bias",
    ],
    ["an input with an alpha channel", { shape: [8, 8, 4], kind: "graph" }, "input_shape", "[-1, 8, 8, 4] is not"],
    ["an input that is no image", { shape: [3], kind: "graph" }, "input_shape", "[-1, 3] is not"],
    ["layers that do not fit their weights", { shape: [8, 8, 1] }, "load_failed", "model.json"],
    ["a manifest with an unknown key", { manifest: { lables: "x" } }, "bad_manifest", "lables"],
    ["labels that are not there", { manifest: { labels: "other.txt" } }, "missing_file", "Cannot find other.txt"],
  ] as const)("refuses %s by its own error", async (_, options, code, message) => {
    await expect(load(options as TinyModelOptions)).rejects.toMatchObject({ name: "ModelError", code })
    await expect(load(options as TinyModelOptions)).rejects.toThrow(message)
  })

  test("leaves no tensor behind, neither of a job nor of a model", async () => {
    const before = memory().numTensors
    const model = await load({ kind: "graph", output: "logits" })
    await predictRed(model)
    const loaded = memory().numTensors
    for (let job = 0; job < 100; job++) await predictRed(model)
    expect(memory().numTensors).toBe(loaded)
    model.dispose()
    await expect(load({ labels: ["a"] })).rejects.toThrow("labels")
    expect(memory().numTensors).toBe(before)
  })
})
