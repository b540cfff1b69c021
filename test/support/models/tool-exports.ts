import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { io, type LayersModel, layers, loadGraphModel, sequential, tensor } from "@tensorflow/tfjs"
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

/**
 * A convolution and a head, each a model in the model, as Teachable Machine builds and publishes them: the network right below
 * `modelTopology`, and no `format`. A grey one takes one channel.
 */
export async function teachableMachineFiles(
  labels = ["rot", "grün", "blau"],
  { grayscale = false, ...metadata }: Record<string, unknown> = {},
): Promise<Files> {
  const depth = grayscale ? 1 : 3
  const features = sequential({
    layers: [
      layers.conv2d({ inputShape: [SIDE_PX, SIDE_PX, depth], filters: 3, kernelSize: 1, useBias: false }),
      layers.globalAveragePooling2d({}),
    ],
  })
  const head = sequential({
    layers: [layers.dense({ inputShape: [3], units: 3, useBias: false, activation: "softmax" })],
  })
  const model = sequential({ layers: [features, head] })
  model.setWeights([tensor(identity(1).slice(0, 3 * depth), [1, 1, depth, 3]), tensor(identity(10), [3, 3])])
  const saved = await savedBy((handler) => model.save(handler))
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
    ...(grayscale ? { grayscale } : {}),
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
  const saved = await savedBy((handler) => network.save(handler), { format: "graph-model", generatedBy: "2.6.0" })
  network.dispose()
  return saved
}

export type KerasOptions = {
  /** Of the converter: 0 wrote a file for each layer and no format; 4 wraps what Keras 3 says. */
  converter?: 0 | 2 | 4
  /** Of the input, without the batch. */
  shape?: number[]
  /** Of the last layer; one unit makes two classes. */
  units?: 1 | 3
  /** Layers of Keras before the first that has weights. */
  before?: object[]
}

/** A mean over the picture and a dense layer on it, as Keras' converters have written it over the years. Without labels. */
export function kerasFiles({ converter = 2, shape = [8, 8, 3], units = 3, before = [] }: KerasOptions = {}): Files {
  const depth = shape.length === 3 ? (shape[2] ?? 1) : 1
  const kernel = Float32Array.from({ length: depth * units }, (_, at) => (at % (units + 1) === 0 ? 10 : 0))
  const bias = new Float32Array(units)
  const is3 = converter === 4
  const dtype = is3
    ? { module: "keras", class_name: "DTypePolicy", config: { name: "float32" }, registered_name: null }
    : "float32"
  const input = { name: "image", [is3 ? "batch_shape" : "batch_input_shape"]: [null, ...shape], dtype }
  const regularizer = { class_name: "L2", config: { l2: 0.01 } }
  const activation = units === 1 ? "sigmoid" : "softmax"
  const dense = {
    name: "dense",
    units,
    activation,
    use_bias: true,
    dtype,
    ...(is3 && { kernel_regularizer: regularizer }),
  }
  const flat = { class_name: "Reshape", config: { name: "deep", target_shape: [...shape, 1] } }
  const network = [
    { class_name: "InputLayer", config: input },
    ...before,
    ...(shape.length === 2 ? [flat] : []),
    { class_name: "GlobalAveragePooling2D", config: { name: "mean", data_format: "channels_last", dtype } },
    { class_name: "Dense", config: dense },
  ]
  const prefix = is3 ? "sequential/" : ""
  const weights = [
    { name: `${prefix}dense/kernel`, shape: [depth, units], dtype: "float32" },
    { name: `${prefix}dense/bias`, shape: [units], dtype: "float32" },
  ]
  const modelTopology = {
    keras_version: ["2.1.6-tf", "", "2.18.0", "", "3.8.0"][converter],
    backend: "tensorflow",
    // The first Keras wrote a Sequential as the list of its layers.
    model_config: {
      class_name: "Sequential",
      config: converter === 0 ? network : { name: "sequential", layers: network },
    },
    training_config: { loss: "categorical_crossentropy", metrics: ["accuracy"] },
  }
  if (converter === 0) {
    const groups = weights.map((weight, at) => ({ paths: [`group${at + 1}-shard1of1`], weights: [weight] }))
    return {
      "model.json": JSON.stringify({ modelTopology, weightsManifest: groups }),
      "group1-shard1of1": new Uint8Array(kernel.buffer),
      "group2-shard1of1": new Uint8Array(bias.buffer),
    }
  }
  const wrapping = {
    format: "layers-model",
    generatedBy: `keras v${modelTopology.keras_version}`,
    convertedBy: "TensorFlow.js Converter v4.22.0",
  }
  const weightsManifest = [{ paths: ["group1-shard1of1.bin"], weights }]
  return {
    "model.json": JSON.stringify({ ...wrapping, modelTopology, weightsManifest }),
    "group1-shard1of1.bin": Buffer.concat([Buffer.from(kernel.buffer), Buffer.from(bias.buffer)]),
  }
}

/** A layers model as TF.js saves it. */
export const layersFiles = (model: LayersModel): Promise<Files> => savedBy((handler) => model.save(handler))

async function savedBy(save: (handler: io.IOHandler) => Promise<unknown>, wrapping: object = {}): Promise<Files> {
  let files: Files = {}
  await save(
    io.withSaveHandler(async ({ modelTopology, weightSpecs = [], weightData = new ArrayBuffer(0) }) => {
      const weights = Array.isArray(weightData)
        ? new Uint8Array(await new Blob(weightData).arrayBuffer())
        : new Uint8Array(weightData)
      const weightsManifest = [{ paths: ["weights.bin"], weights: weightSpecs }]
      files = {
        "model.json": JSON.stringify({ ...wrapping, modelTopology, weightsManifest }),
        "weights.bin": weights,
      }
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } }
    }),
  )
  return files
}
