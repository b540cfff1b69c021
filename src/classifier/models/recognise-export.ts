import { readCustomVision } from "./custom-vision.ts"
import type { FolderReader } from "./folder-reader.ts"
import type { ExportRules, Setting } from "./setting.ts"
import { readTeachableMachine } from "./teachable-machine.ts"

/** Which tool wrote the folder, and what its files say. A folder of nobody's says where its labels are, at most. */
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

/** A module of TF Hub scales its input itself, in nodes of this name, and takes 0 to 1. */
export function settingsOfTopology(topology: object, file: string): Setting[] {
  const nodes = "node" in topology && Array.isArray(topology.node) ? topology.node : []
  const node = nodes.find(({ name }) => typeof name === "string" && /(^|\/)hub_input\/(Mul|Sub|mul|sub)$/.test(name))
  if (node === undefined) return []
  const from = `${file}: the node ${node.name}, which takes 0 to 1`
  return [
    { key: "input.mean", value: 0, from },
    { key: "input.std", value: 255, from },
  ]
}
