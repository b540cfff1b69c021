import type { io } from "@tensorflow/tfjs"

type Json = Record<string, unknown>
type Network = { modelTopology: object; weightSpecs: io.WeightsManifestEntry[] }

/** Layers that change pictures in training only. TF.js does not know them; in use they pass on what they get. */
const TRAINING_ONLY = /^Random(Flip|Rotation|Zoom|Translation|Contrast|Brightness|Shear|Saturation|Hue)$/

/**
 * Says what Keras 3 says of a layers model in the words of Keras 2, the only ones that TF.js knows: `batch_shape`, types as
 * objects, inbound nodes as calls, and weights under the name of the model. What only training needs goes. A model of Keras 2 comes back as it is.
 */
export function adaptKeras3({ modelTopology, weightSpecs }: Network): Network {
  const topology = adapt(modelTopology) as object
  const layers = layerNames(topology)
  return {
    modelTopology: topology,
    weightSpecs: weightSpecs.map((spec) => {
      const [model = "", layer = "", ...rest] = spec.name.split("/")
      const isPrefixed = !layers.has(model) && layers.has(layer) && rest.length > 0
      return isPrefixed ? { ...spec, name: [layer, ...rest].join("/") } : spec
    }),
  }
}

function adapt(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(adapt)
  if (!isObject(value)) return value
  if (value.class_name === "DTypePolicy" && isObject(value.config)) return value.config.name
  const adapted = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, adapt(inner)]))
  if (typeof adapted.class_name === "string" && isObject(adapted.config)) adaptLayer(adapted, adapted.config)
  return adapted
}

function adaptLayer(layer: Json, config: Json): void {
  if (config.batch_shape !== undefined && config.batch_input_shape === undefined) {
    config.batch_input_shape = config.batch_shape
    delete config.batch_shape
  }
  // They too matter in training only, and TF.js knows none but L1L2.
  for (const key of Object.keys(config)) if (key.endsWith("_regularizer")) delete config[key]
  if (TRAINING_ONLY.test(String(layer.class_name))) {
    layer.class_name = "Activation"
    layer.config = { name: config.name, activation: "linear", trainable: false }
  }
  if (Array.isArray(layer.inbound_nodes)) layer.inbound_nodes = layer.inbound_nodes.map(inboundNode)
  // Of a model with one input, Keras 3 leaves the outer brackets out.
  for (const ends of ["input_layers", "output_layers"]) {
    const list = config[ends]
    if (Array.isArray(list) && typeof list[0] === "string") config[ends] = [list]
  }
}

/** A call of a layer as Keras 2 writes it: of each tensor it takes, the layer, node and tensor that it comes from. */
function inboundNode(node: unknown): unknown {
  if (!isObject(node) || !Array.isArray(node.args)) return node
  const histories: unknown[] = []
  collectHistories(node.args, histories)
  return histories.map((history) => [...(history as unknown[]), {}])
}

function collectHistories(value: unknown, into: unknown[]): void {
  if (Array.isArray(value)) for (const inner of value) collectHistories(inner, into)
  else if (isObject(value) && value.class_name === "__keras_tensor__" && isObject(value.config)) {
    into.push(value.config.keras_history)
  }
}

function layerNames(value: unknown, names = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const inner of value) layerNames(inner, names)
  else if (isObject(value)) {
    const { class_name: kind, config, layers } = value
    if (typeof kind === "string" && isObject(config) && typeof config.name === "string" && !("layers" in config)) {
      names.add(config.name)
    }
    layerNames([value.model_config, config, layers], names)
  }
  return names
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
