import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { loadGraphModel } from "@tensorflow/tfjs-converter"
import { io, tensor } from "@tensorflow/tfjs-core"
import { layers, sequential } from "@tensorflow/tfjs-layers"
import { newRoot, writeTinyModel } from "./tiny-model.ts"

/** Files as other tools write them. TF.js itself makes the models: a backend must be up. */

const SIDE_PX = 16
/** Each channel's own score is ten times its mean. */
const identity = (times: number) => Float32Array.from([times, 0, 0, 0, times, 0, 0, 0, times])

export type Files = Record<string, string | Uint8Array>

export function writeFiles(folder: string, files: Files): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

/** A convolution and a head, each a model in the model, as Teachable Machine builds them. */
export async function teachableMachineFiles(labels = ["rot", "grün", "blau"], metadata: object = {}): Promise<Files> {
  const features = sequential({
    layers: [
      layers.conv2d({ inputShape: [SIDE_PX, SIDE_PX, 3], filters: 3, kernelSize: 1, useBias: false }),
      layers.globalAveragePooling2d({}),
    ],
  })
  const head = sequential({
    layers: [layers.dense({ inputShape: [3], units: 3, useBias: false, activation: "softmax" })],
  })
  const model = sequential({ layers: [features, head] })
  model.setWeights([tensor(identity(1), [1, 1, 3, 3]), tensor(identity(10), [3, 3])])
  const saved = await savedBy((handler) => model.save(handler), "layers-model")
  model.dispose()
  const about = {
    tfjsVersion: "1.3.1",
    tmVersion: "2.4.10",
    packageVersion: "0.8.4-alpha2",
    packageName: "@teachablemachine/image",
    timeStamp: "2026-11-20T12:00:00.000Z",
    userMetadata: {},
    modelName: "colours",
    labels,
    imageSize: SIDE_PX,
    ...metadata,
  }
  return { ...saved, "metadata.json": JSON.stringify(about) }
}

/** A graph model that TF.js has loaded and saved again. */
export async function graphModelFiles(): Promise<Files> {
  const { readFileSync } = await import("node:fs")
  const folder = join(writeTinyModel("graph", { kind: "graph", output: "logits" }, newRoot()), "graph")
  const json = JSON.parse(readFileSync(join(folder, "model.json"), "utf8"))
  const weights = readFileSync(join(folder, "weights.bin"))
  const network = await loadGraphModel({
    load: async () => ({
      modelTopology: json.modelTopology,
      format: "graph-model",
      weightSpecs: json.weightsManifest[0].weights,
      weightData: Uint8Array.from(weights).buffer,
    }),
  })
  const saved = await savedBy((handler) => network.save(handler), "graph-model")
  network.dispose()
  return saved
}

async function savedBy(save: (handler: io.IOHandler) => Promise<unknown>, format: string): Promise<Files> {
  let files: Files = {}
  await save(
    io.withSaveHandler(async ({ modelTopology, weightSpecs = [], weightData = new ArrayBuffer(0) }) => {
      const weights = Array.isArray(weightData)
        ? new Uint8Array(await new Blob(weightData).arrayBuffer())
        : new Uint8Array(weightData)
      const weightsManifest = [{ paths: ["weights.bin"], weights: weightSpecs }]
      files = {
        "model.json": JSON.stringify({ format, generatedBy: "TensorFlow.js", modelTopology, weightsManifest }),
        "weights.bin": weights,
      }
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } }
    }),
  )
  return files
}
