import { mkdirSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { describe, expect, test } from "vitest"
import { classCountOf, inputSizeOf } from "../../../../src/classifier/engine/tensor-shapes.ts"
import { isDistribution, softmax } from "../../../../src/classifier/engine/to-probabilities.ts"
import { findModels } from "../../../../src/classifier/models/find-models.ts"
import { parseManifest } from "../../../../src/classifier/models/manifest.ts"
import { parseModelJson } from "../../../../src/classifier/models/model-json.ts"
import { createLog, silentLog } from "../../../../src/lib/log.ts"
import { newRoot, writeTinyModel } from "../../../support/models/tiny-model.ts"

describe("findModels()", () => {
  test("takes a folder of model folders, and a model folder itself", () => {
    const root = writeTinyModel("one")
    writeTinyModel("two", {}, root)
    mkdirSync(join(root, ".half-pulled"))
    writeFileSync(join(root, "README.md"), "not a folder")
    const single = join(writeTinyModel("three"), "three")
    expect(findModels([root, single], silentLog).map(({ id }) => id)).toEqual(["one", "two", "three"])
  })

  test("keeps the first of two ids that differ by case only, and says so", () => {
    const lines: string[] = []
    const log = createLog({ server: "test", script: "test", write: (line) => lines.push(line) })
    const [first, second] = [writeTinyModel("Cats"), writeTinyModel("cats")]
    expect(findModels([first, second], log)).toEqual([{ id: "Cats", folder: join(first, "Cats") }])
    expect(lines.join()).toContain("already has the id Cats")
  })

  test("gives an archive for the folder that it should be, unless that is there", () => {
    const root = writeTinyModel("one")
    for (const name of ["one.zip", "two.zip", "three.tar.gz"]) writeFileSync(join(root, name), "PK")
    const found = findModels([root], silentLog).map(({ id, folder }) => [id, basename(folder)])
    expect(found).toEqual([
      ["one", "one"],
      ["three", "three.tar.gz"],
      ["two", "two.zip"],
    ])
  })

  test("says that a root is not there", () => {
    const lines: string[] = []
    const log = createLog({ server: "test", script: "test", write: (line) => lines.push(line) })
    expect(findModels([join(newRoot(), "absent")], log)).toEqual([])
    expect(lines).toHaveLength(1)
  })
})

describe("parseManifest()", () => {
  test("gives a folder without one the defaults", () => {
    expect(parseManifest(null)).toEqual({
      input: { mean: 127.5, std: 127.5 },
      resize: { fit: "crop", crop_fraction: 0.875, kernel: "bilinear" },
    })
  })

  test.each([
    ['{"labls": "x"}', "labls"],
    ['{"input": {"mean": "127"}}', "input.mean"],
    ['{"input": {"std": [1, 0, 1]}}', "input.std"],
    ['{"resize": {"crop_fraction": 1.5}}', "resize.crop_fraction"],
    ['{"output": "scores"}', "output"],
    ["{", "not JSON"],
  ])("names the file and the key in %s", (text, key) => {
    expect(() => parseManifest(text)).toThrow(expect.objectContaining({ code: "bad_manifest" }))
    expect(() => parseManifest(text)).toThrow(new RegExp(`claimcheck.json.*${key.replace(".", "\\.")}`))
  })
})

describe("parseModelJson()", () => {
  const text = (change: object) =>
    JSON.stringify({
      format: "layers-model",
      modelTopology: { model_config: {} },
      weightsManifest: [{ paths: ["a.bin"], weights: [{ name: "w", shape: [2, 3], dtype: "float32" }] }],
      ...change,
    })

  test("counts the bytes that the shards must have, quantised ones too", () => {
    const weights = [
      { name: "a", shape: [10], dtype: "float32", quantization: { dtype: "float16" } },
      { name: "b", shape: [], dtype: "int32" },
    ]
    expect(parseModelJson(text({})).weightBytes).toBe(24)
    expect(parseModelJson(text({ weightsManifest: [{ paths: ["a.bin"], weights }] })).weightBytes).toBe(24)
  })

  test("knows the kind by the topology where the format is left out", () => {
    expect(parseModelJson(text({ format: undefined })).kind).toBe("layers")
    expect(parseModelJson(text({ format: undefined, modelTopology: { node: [] } })).kind).toBe("graph")
    expect(() => parseModelJson(text({ format: "onnx", modelTopology: {} }))).toThrow(
      'format is "onnx", and modelTopology has none of node',
    )
  })

  test.each(["../other/a.bin", "/etc/passwd", "a/../../b.bin"])("refuses the shard %s outside the folder", (path) => {
    expect(() => parseModelJson(text({ weightsManifest: [{ paths: [path], weights: [] }] }))).toThrow("lies outside")
  })

  test("names the key that is wrong", () => {
    expect(() => parseModelJson(text({ weightsManifest: [{ paths: "a.bin", weights: [] }] }))).toThrow(
      "weightsManifest.0.paths",
    )
    expect(() => parseModelJson("<html>")).toThrow("not JSON")
  })
})

const naming = { file: "model.json", sourceOf: () => "claimcheck.json" }

describe("inputSizeOf()", () => {
  const manifest = parseManifest(null)
  const sized = parseManifest('{"input": {"width": 96, "height": 64}}')

  test("reads null and -1 as open", () => {
    expect(inputSizeOf([[null, 224, 192, 3]], manifest, naming)).toMatchObject({ width: 192, height: 224 })
    expect(inputSizeOf([[-1, 224, 224, 3]], manifest, naming)).toMatchObject({ width: 224, height: 224 })
    expect(inputSizeOf([[-1, -1, -1, 3]], sized, naming)).toMatchObject({ width: 96, height: 64 })
  })

  test("takes one channel for grey", () => {
    expect(inputSizeOf([[null, 28, 28, 1]], manifest, naming)).toMatchObject({
      channels: "gray",
      tensorShape: [1, 28, 28, 1],
    })
    expect(inputSizeOf([[null, 28, 28]], manifest, naming)).toMatchObject({
      channels: "gray",
      tensorShape: [1, 28, 28],
    })
    expect(inputSizeOf([[null, 28, 28, 3]], manifest, naming)).toMatchObject({
      channels: "rgb",
      tensorShape: [1, 28, 28, 3],
    })
  })

  test.each([
    [[null, 10], "not \\[batch, height, width, 3 or 1\\]"],
    [[null, 3, 224, 224], "not \\[batch, height, width, 3 or 1\\]"],
    [[8, 224, 224, 3], "batches of 8"],
    [[null, null, null, 3], "claimcheck.json: input.width is needed"],
    [[null, 0, 0, 3], "out of bounds"],
  ])("refuses %j", (shape, message) => {
    expect(() => inputSizeOf([shape], manifest, naming)).toThrow(expect.objectContaining({ code: "input_shape" }))
    expect(() => inputSizeOf([shape], manifest, naming)).toThrow(new RegExp(message))
  })

  test("refuses a manifest that contradicts the model", () => {
    expect(() => inputSizeOf([[null, 224, 224, 3]], sized, naming)).toThrow("input.width is 96")
  })
})

test("classCountOf() takes a list of scores only", () => {
  expect(classCountOf([[1, 1000]], "model.json")).toBe(1000)
  expect(classCountOf([[1, 1, 1, 7]], "model.json")).toBe(7)
  expect(() => classCountOf([[1, 7, 7, 80]], "model.json")).toThrow("not a list of scores")
  expect(() =>
    classCountOf(
      [
        [1, 2],
        [1, 3],
      ],
      "model.json",
    ),
  ).toThrow("2 outputs")
})

test("softmax() sums to 1, for large logits too", () => {
  const probabilities = softmax(Float32Array.from([1000, 999, -1000]))
  expect(probabilities[0]).toBeCloseTo(0.731, 3)
  expect(isDistribution(probabilities)).toBe(true)
  expect(isDistribution(Float32Array.from([2, -1]))).toBe(false)
})
