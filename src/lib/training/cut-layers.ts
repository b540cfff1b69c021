import type { CutModel, ModelJson, NewLayer } from "./saved-model.ts"

type Config = Record<string, unknown>
type Layer = { class_name: string; config: Config | Layer[]; name?: string; inbound_nodes?: unknown[] }

/** What may stand after the last dense layer. */
const AFTER = new Set(["Activation", "Softmax", "Reshape", "Dropout"])

/** A layers model whose last dense layer has other classes, and softmax. @throws RangeError */
export function cutLayers(json: ModelJson, { classes, features }: NewLayer): CutModel {
  const modelTopology = structuredClone(json.modelTopology)
  const model = (modelTopology.model_config ?? modelTopology) as Layer
  const dense = findDense(model)
  Object.assign(dense, { units: classes, activation: "softmax", use_bias: true })
  const weights = json.weightsManifest.flatMap((group) => group.weights)
  const old = weights.findLast(
    ({ name, shape }) => isOf(name, `${dense.name}/kernel`) && shape[0] === (features ?? shape[0]),
  )
  if (!old) throw new RangeError(`Cannot replace the last layer: ${dense.name} has no kernel of ${features} features`)
  const bias = old.name.replace(/kernel$/, "bias")
  const replaced = new Set([old.name, bias])
  return { json: { ...json, modelTopology }, keeps: (weight) => !replaced.has(weight), kernel: old.name, bias }
}

const isOf = (name: string, weight: string) => name === weight || name.endsWith(`/${weight}`)

/** The settings of the last dense layer, in models within models too; what follows it lets its values through. */
function findDense(model: Layer): Config {
  const layers = (Array.isArray(model.config) ? model.config : model.config.layers) as Layer[]
  let layer = outputLayer(model, layers)
  while (layer && AFTER.has(layer.class_name)) {
    const before = beforeOf(layer, layers)
    if (layer.class_name === "Activation") (layer.config as Config).activation = "linear"
    if (layer.class_name === "Softmax") {
      Object.assign(layer, { class_name: "Activation", config: { name: nameOf(layer), activation: "linear" } })
    }
    layer = before
  }
  if (layer?.class_name === "Dense") return layer.config as Config
  if (layer && (Array.isArray(layer.config) || "layers" in layer.config)) return findDense(layer)
  throw new RangeError(
    `Cannot replace the last layer: the network ends in ${layer?.class_name ?? "nothing"}, not in Dense`,
  )
}

/** Of a model of Sequential the last one, of any other the one that its outputs name. */
function outputLayer({ config }: Layer, layers: readonly Layer[]): Layer | undefined {
  const name = "output_layers" in config ? firstName(config.output_layers) : undefined
  return name === undefined ? layers.at(-1) : layers.find((layer) => nameOf(layer) === name)
}

function beforeOf(layer: Layer, layers: readonly Layer[]): Layer | undefined {
  const name = firstName(layer.inbound_nodes)
  return name === undefined ? layers[layers.indexOf(layer) - 1] : layers.find((other) => nameOf(other) === name)
}

const nameOf = ({ name, config }: Layer) => name ?? (Array.isArray(config) ? undefined : config.name)

/** The first text in lists within lists: ["logits", 0, 0]. */
function firstName(value: unknown): string | undefined {
  if (typeof value === "string") return value
  return Array.isArray(value) ? firstName(value[0]) : undefined
}
