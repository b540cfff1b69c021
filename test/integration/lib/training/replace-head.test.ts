import { readFileSync } from "node:fs"
import { join } from "node:path"
import {
  io,
  layers,
  loadGraphModel,
  loadLayersModel,
  sequential,
  setBackend,
  type Tensor,
  tensor,
} from "@tensorflow/tfjs"
import { beforeAll, describe, expect, test } from "vitest"
import { fillNoise } from "../../../../src/classifier/engine/test-inputs.ts"
import { loadModel } from "../../../../src/classifier/engine/tfjs/load-model.ts"
import { startWasm } from "../../../../src/classifier/engine/tfjs/start-wasm.ts"
import type { Head } from "../../../../src/lib/training/head.ts"
import { seededRandom } from "../../../../src/lib/training/random.ts"
import { assertReplaceable, replaceHead, shardsOf } from "../../../../src/lib/training/replace-head.ts"
import type { SavedModel } from "../../../../src/lib/training/saved-model.ts"
import { newRoot, writeTinyModel } from "../../../support/models/tiny-model.ts"
import { teachableMachineFiles, writeFiles } from "../../../support/models/tool-exports.ts"

beforeAll(startWasm)

const LABELS = ["猫", "собака", "a|b", "δ"]

function randomHead(features: number): Head {
  const random = seededRandom(3)
  const values = (length: number) => Float64Array.from({ length }, () => random() - 0.5)
  return { classes: LABELS.length, kernel: values(features * LABELS.length), bias: values(LABELS.length) }
}

function read(folder: string): SavedModel {
  const json = JSON.parse(readFileSync(join(folder, "model.json"), "utf8"))
  const paths: string[] = json.weightsManifest.flatMap((group: { paths: string[] }) => group.paths)
  return { json, weights: new Uint8Array(Buffer.concat(paths.map((path) => readFileSync(join(folder, path))))) }
}

/** A model's features through a head: what the model with that head should answer. */
function expected({ classes, kernel, bias }: Head, features: Float32Array): number[] {
  const scores = Array.from(bias, (value, k) =>
    features.reduce((sum, feature, at) => sum + feature * (kernel[at * classes + k] ?? 0), value),
  )
  const total = scores.reduce((sum, score) => sum + Math.exp(score), 0)
  return scores.map((score) => Math.exp(score) / total)
}

const tiny = (options: Parameters<typeof writeTinyModel>[1]) => join(writeTinyModel("tiny", options), "tiny")

describe("replaceHead() gives a model that a classifier and plain TF.js load, and that answers by the new layer:", () => {
  test.each([
    ["a layers model", async () => tiny({ kind: "layers" })],
    ["a layers model without softmax", async () => tiny({ kind: "layers", output: "logits" })],
    ["a graph model", async () => tiny({ kind: "graph" })],
    ["a graph model without softmax", async () => tiny({ kind: "graph", output: "logits" })],
    ["models in a model, without a bias", async () => writeFiles(join(newRoot(), "m"), await teachableMachineFiles())],
    ["the embedded model", async () => "models/efficientnet_lite0"],
  ])("%s", async (_, folderOf) => {
    const folder = await folderOf()
    const base = await loadModel("base", folder)
    fillNoise(base.input)
    const features = (await base.embed()) ?? new Float32Array()
    const head = randomHead(features.length)
    const made = replaceHead(read(folder), head)
    const written = writeFiles(join(newRoot(), "made"), {
      "model.json": JSON.stringify(made.json),
      "claimcheck.json": JSON.stringify({ labels: LABELS }),
      ...Object.fromEntries(shardsOf(made)),
    })
    const model = await loadModel("made", written)
    model.input.set(base.input)
    const answer = await model.predict()
    expect(model.labels()).toEqual(LABELS)
    for (const [k, value] of expected(head, features).entries()) expect(answer[k]).toBeCloseTo(value, 4)
    expect([...((await model.embed()) ?? [])]).toEqual([...features])
    const plain = await inPlainTfjs(made, base.input, base.description.size.tensorShape)
    for (const [k, value] of plain.entries()) {
      expect(value).toBeCloseTo(answer[k] ?? 0, 4)
    }
  })

  test("not of a network that ends in a convolution", async () => {
    const network = sequential({
      layers: [layers.conv2d({ inputShape: [4, 4, 3], filters: 2, kernelSize: 4 }), layers.flatten()],
    })
    let saved: SavedModel | undefined
    await network.save(
      io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData }) => {
        const weightsManifest = [{ paths: ["w.bin"], weights: weightSpecs ?? [] }]
        saved = {
          json: { modelTopology, weightsManifest },
          weights: new Uint8Array(weightData as ArrayBuffer),
        } as SavedModel
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } }
      }),
    )
    const { json } = saved as SavedModel
    expect(() => assertReplaceable(json)).toThrow(/ends in Flatten, not in Dense/)
    expect(() => assertReplaceable(read(tiny({ kind: "graph" })).json)).not.toThrow()
  })
})

/** As somebody loads it who has nothing of ours: in plain JavaScript, where it is small enough for that. */
async function inPlainTfjs({ json, weights }: SavedModel, input: Float32Array, shape: number[]): Promise<number[]> {
  if (input.length < 10_000) await setBackend("cpu")
  const artifacts = {
    modelTopology: json.modelTopology,
    weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
    weightData: weights.buffer,
  } as io.ModelArtifacts
  const load = "node" in json.modelTopology ? loadGraphModel : loadLayersModel
  const network = await load({ load: async () => artifacts })
  const output = network.predict(tensor(input, shape)) as Tensor
  const values = [...output.dataSync()]
  network.dispose()
  await setBackend("wasm")
  return values
}
