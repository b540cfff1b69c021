import { expect, test } from "vitest"
import { adaptKeras3 } from "../../../../../src/classifier/models/exports/keras-3.ts"

const tensorOf = (layer: string) => ({
  class_name: "__keras_tensor__",
  config: { shape: [null, 4], dtype: "float32", keras_history: [layer, 0, 0] },
})

/** Two branches that are added, as Keras 3 writes a functional model. */
const functional = {
  keras_version: "3.8.0",
  model_config: {
    class_name: "Functional",
    config: {
      name: "functional",
      layers: [
        { class_name: "InputLayer", config: { name: "in", batch_shape: [null, 4] }, inbound_nodes: [] },
        {
          class_name: "Dense",
          config: { name: "a", units: 4, kernel_regularizer: { class_name: "L2", config: { l2: 0.1 } } },
          inbound_nodes: [{ args: [tensorOf("in")], kwargs: { training: false } }],
        },
        {
          class_name: "Add",
          config: { name: "sum" },
          inbound_nodes: [{ args: [[tensorOf("in"), tensorOf("a")]], kwargs: {} }],
        },
      ],
      input_layers: ["in", 0, 0],
      output_layers: ["sum", 0, 0],
    },
  },
}

test("adaptKeras3() says a functional model in the words of Keras 2", () => {
  const weightSpecs = ["functional/a/kernel", "a/bias"].map((name) => ({ name, shape: [4], dtype: "float32" as const }))
  const adapted = adaptKeras3({ modelTopology: functional, weightSpecs })
  expect(adapted.modelTopology).toMatchObject({
    model_config: {
      config: {
        layers: [
          { config: { name: "in", batch_input_shape: [null, 4] }, inbound_nodes: [] },
          { config: { name: "a", units: 4 }, inbound_nodes: [[["in", 0, 0, {}]]] },
          {
            inbound_nodes: [
              [
                ["in", 0, 0, {}],
                ["a", 0, 0, {}],
              ],
            ],
          },
        ],
        input_layers: [["in", 0, 0]],
        output_layers: [["sum", 0, 0]],
      },
    },
  })
  expect(JSON.stringify(adapted.modelTopology)).not.toContain("L2")
  expect(adapted.weightSpecs.map(({ name }) => name)).toEqual(["a/kernel", "a/bias"])
})

test("adaptKeras3() leaves what Keras 2 says as it is", () => {
  const modelTopology = {
    model_config: {
      class_name: "Model",
      config: {
        name: "m",
        layers: [
          { class_name: "InputLayer", config: { name: "in", batch_input_shape: [null, 4] }, inbound_nodes: [] },
          { class_name: "Dense", config: { name: "a", units: 4 }, inbound_nodes: [[["in", 0, 0, {}]]] },
        ],
        input_layers: [["in", 0, 0]],
        output_layers: [["a", 0, 0]],
      },
    },
  }
  const weightSpecs = [{ name: "a/kernel", shape: [4, 4], dtype: "float32" as const }]
  expect(adaptKeras3({ modelTopology, weightSpecs })).toEqual({ modelTopology, weightSpecs })
})
