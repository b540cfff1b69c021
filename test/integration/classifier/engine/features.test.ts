import { readFileSync } from "node:fs"
import { join } from "node:path"
import { layers, sequential, tensor1d, tensor2d } from "@tensorflow/tfjs"
import { beforeAll, describe, expect, test } from "vitest"
import { fillNoise } from "../../../../src/classifier/engine/test-inputs.ts"
import { captureFeatures } from "../../../../src/classifier/engine/tfjs/capture-features.ts"
import { loadModel } from "../../../../src/classifier/engine/tfjs/load-model.ts"
import { planModel } from "../../../../src/classifier/engine/tfjs/plan-model.ts"
import { startWasm } from "../../../../src/classifier/engine/tfjs/start-wasm.ts"
import { softmax } from "../../../../src/classifier/engine/to-probabilities.ts"
import { newRoot, writeTinyModel } from "../../../support/models/tiny-model.ts"
import { teachableMachineFiles, writeFiles } from "../../../support/models/tool-exports.ts"

beforeAll(startWasm)

describe("the features of a model are what its last dense layer is given:", () => {
  test("those of the embedded model, through that layer's weights, are its probabilities", async () => {
    const model = await loadModel("embedded", "models/efficientnet_lite0")
    fillNoise(model.input)
    const features = await model.embed()
    const { kernel, bias } = lastLayer("models/efficientnet_lite0", model.files.weights)
    const logits = tensor2d(features ?? [], [1, 1280])
      .matMul(tensor2d(kernel, [1280, 1000]))
      .add(tensor1d(bias))
    const probabilities = softmax(Float32Array.from(logits.dataSync()))
    const predicted = await model.predict()
    expect(features).toHaveLength(1280)
    for (const [at, value] of predicted.entries()) expect(probabilities[at]).toBeCloseTo(value, 4)
  })

  test.each([
    ["a layers model", { kind: "layers" }],
    ["a graph model of MatMul and BiasAdd", { kind: "graph" }],
    ["a graph model without Softmax", { kind: "graph", output: "logits" }],
  ] as const)("those of %s are the means of its channels", async (_, options) => {
    const model = await loadModel("tiny", join(writeTinyModel("tiny", options), "tiny"))
    for (let at = 0; at < model.input.length; at += 3) model.input.set([0.5, -1, 0.25], at)
    expect([...((await model.embed()) ?? [])]).toEqual([
      expect.closeTo(0.5, 5),
      expect.closeTo(-1, 5),
      expect.closeTo(0.25, 5),
    ])
  })

  test("those of a model in a model, as Teachable Machine has it", async () => {
    const model = await loadModel("tm", writeFiles(join(newRoot(), "tm"), await teachableMachineFiles()))
    model.input.fill(0.5)
    expect(await model.embed()).toHaveLength(3)
  })

  test.each([
    ["the embedded model", async () => "models/efficientnet_lite0"],
    ["a graph model of MatMul and BiasAdd", async () => join(writeTinyModel("tiny", { kind: "graph" }), "tiny")],
    ["a layers model", async () => join(writeTinyModel("tiny", { kind: "layers" }), "tiny")],
    ["a model in a model", async () => writeFiles(join(newRoot(), "tm"), await teachableMachineFiles())],
  ])("the plan of %s gives the same as TF.js", async (_, folderOf) => {
    const model = await loadModel("m", await folderOf())
    const planned = await planModel(model, "wasm")
    fillNoise(model.input)
    const [expected, found] = [await model.embed(), planned.plan && (await planned.network.features?.(model.input))]
    expect(found).toHaveLength(expected?.length ?? -1)
    for (const [at, value] of expected?.entries() ?? []) expect(Math.abs(value - (found?.[at] ?? 9))).toBeLessThan(1e-3)
  })

  test("a network that ends in something else has none", () => {
    const network = sequential({
      layers: [
        layers.dense({ inputShape: [4, 4, 3], units: 2 }),
        layers.conv2d({ filters: 2, kernelSize: 1 }),
        layers.globalAveragePooling2d({}),
      ],
    })
    const input = tensor2d([[...Array(48).keys()]]).reshape([1, 4, 4, 3])
    expect(captureFeatures(() => network.predict(input) as ReturnType<typeof tensor2d>)).toBeNull()
  })
})

function lastLayer(folder: string, weights: ArrayBuffer) {
  const json = JSON.parse(readFileSync(join(folder, "model.json"), "utf8"))
  // The kernel is float16 at the end, the bias float32 behind it.
  const end = weights.byteLength
  const view = new DataView(weights)
  expect(json.weightsManifest[0].weights.at(-2)).toMatchObject({
    shape: [1280, 1000],
    quantization: { dtype: "float16" },
  })
  const kernel = Float32Array.from({ length: 1_280_000 }, (_, at) => halfAt(view, end - 4_000 - 2_560_000 + 2 * at))
  const bias = Float32Array.from({ length: 1_000 }, (_, at) => view.getFloat32(end - 4_000 + 4 * at, true))
  return { kernel, bias }
}

function halfAt(view: DataView, offset: number): number {
  const bits = view.getUint16(offset, true)
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023]
  return exponent === 0 ? sign * 2 ** -14 * (fraction / 1024) : sign * 2 ** (exponent - 15) * (1 + fraction / 1024)
}
