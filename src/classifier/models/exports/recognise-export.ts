import type { FolderReader } from "../folder-reader.ts"
import { readCustomVision } from "./custom-vision.ts"
import type { ExportRules, Setting } from "./setting.ts"
import { readTeachableMachine } from "./teachable-machine.ts"

/** Which tool wrote the folder, and the settings in its files. */
export async function recogniseExport(folder: FolderReader): Promise<ExportRules> {
  return (
    (await readTeachableMachine(folder)) ??
    (await readCustomVision(folder)) ??
    readAutoMl(folder) ?? { tool: "TensorFlow.js", settings: [] }
  )
}

/**
 * AutoML Vision writes its labels into dict.txt; its library (tfjs-automl/src/img_classification.ts of tensorflow/tfjs)
 * takes the centre square and feeds x / 127.5 - 1.
 */
function readAutoMl(folder: FolderReader): ExportRules | null {
  if (!folder.has("dict.txt") || folder.has("labels.txt")) return null
  const from = "AutoML (dict.txt)"
  return {
    tool: "AutoML",
    settings: [
      { key: "labels", value: "dict.txt", from },
      { key: "input.mean", value: 127.5, from },
      { key: "input.std", value: 127.5, from },
      { key: "resize.fit", value: "crop", from },
      { key: "resize.crop_fraction", value: 1, from },
    ],
  }
}

/** What a network says of the pixels that it takes, by the first thing that it does with them. */
export function settingsOfTopology(topology: object, file: string): Setting[] {
  const scale = rescalingOf(topology)
  if (scale === undefined) return settingsOfHub(topology, file)
  const from = `${file}: ${scale}, which takes 0 to 255`
  return [
    { key: "input.mean", value: 0, from },
    { key: "input.std", value: 1, from },
  ]
}

/** Of Keras' layer that makes 0 to 1, or -1 to 1, of 0 to 255: what it is called. */
function rescalingOf(topology: object): string | undefined {
  if ("node" in topology) {
    const names = Array.isArray(topology.node) ? topology.node.map(({ name }) => String(name)) : []
    const node = names.find((name) => /(^|\/)(rescaling|tf\.math\.truediv)(_\d+)?\//.test(name))
    return node && `the node ${node}`
  }
  // What lies behind the first layer with weights is no preprocessing.
  for (const { class_name: kind, config } of layersOf(topology)) {
    if (/Conv|Dense/.test(kind)) return undefined
    if (kind === "Rescaling" && [config.scale].flat().every((scale) => Number(scale) < 0.1)) {
      return `the layer ${config.name}`
    }
  }
  return undefined
}

type Layer = { class_name: string; config: Record<string, unknown> }

/** In the order of the file, those of models in the model among them. */
function* layersOf(value: unknown): Generator<Layer> {
  if (Array.isArray(value)) for (const inner of value) yield* layersOf(inner)
  if (typeof value !== "object" || value === null || Array.isArray(value)) return
  const { class_name: kind, config, layers, model_config: model } = value as Record<string, unknown>
  const isModel = Array.isArray(config) || (typeof config === "object" && config !== null && "layers" in config)
  if (typeof kind === "string" && !isModel) yield { class_name: kind, config: (config ?? {}) as Layer["config"] }
  yield* layersOf([model, layers, isModel ? config : undefined])
}

/** A module of TF Hub scales its input itself, in nodes of this name, and takes 0 to 1. */
function settingsOfHub(topology: object, file: string): Setting[] {
  const nodes = "node" in topology && Array.isArray(topology.node) ? topology.node : []
  const node = nodes.find(({ name }) => typeof name === "string" && /(^|\/)hub_input\/(Mul|Sub|mul|sub)$/.test(name))
  if (node === undefined) return []
  const from = `${file}: the node ${node.name}, which takes 0 to 1`
  return [
    { key: "input.mean", value: 0, from },
    { key: "input.std", value: 255, from },
  ]
}
