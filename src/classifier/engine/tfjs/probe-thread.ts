import { parentPort } from "node:worker_threads"
import type { Activation, Pads, Plan } from "../plan/plan.ts"
import { fillNoise } from "../test-inputs.ts"
import { startWasm } from "./start-wasm.ts"
import { openWasmNetwork } from "./wasm-network.ts"

/** So often that V8 compiles the kernels with its optimising compiler, which is the one that is probed. */
const RUNS = 60

await startWasm()
const network = openWasmNetwork(probePlan())
const input = fillNoise(new Float32Array(64 * 64 * 3), 3)
for (let run = 1; run < RUNS; run++) await network.run(input)
parentPort?.postMessage(await network.run(input))
network.dispose()

/** The kernels of most networks: convolutions of each kind, a sum, a product, a mean and a dense layer. Without a softmax, which hides differences. */
function probePlan(): Plan {
  const shapes = new Map<number, number[]>([[0, [1, 64, 64, 3]]])
  const constants = new Map<number, Float32Array>()
  const constant = (value: number, shape: number[]) => {
    shapes.set(value, shape)
    const size = shape.reduce((product, side) => product * side, 1)
    constants.set(
      value,
      fillNoise(new Float32Array(size), value).map((weight) => weight / 4),
    )
    return value
  }
  const output = (value: number, shape: number[]) => {
    shapes.set(value, shape)
    return value
  }
  const conv = (
    activation: Activation,
    stride = 1,
    pads: Pads = [
      [0, 0],
      [0, 0],
    ],
  ) => {
    return { strides: [stride, stride] as [number, number], dilations: [1, 1] as [number, number], pads, activation }
  }
  const wide = [1, 32, 32, 32]
  return {
    input: 0,
    output: 8,
    features: null,
    shapes,
    constants,
    steps: [
      {
        op: "conv",
        ...conv("relu6", 2, [
          [0, 1],
          [0, 1],
        ]),
        inputs: [0, constant(10, [3, 3, 3, 32]), constant(11, [32])],
        output: output(1, wide),
      },
      {
        op: "depthwise",
        ...conv("relu6", 1, [
          [1, 1],
          [1, 1],
        ]),
        inputs: [1, constant(12, [3, 3, 32, 1]), constant(13, [32])],
        output: output(2, wide),
      },
      {
        op: "conv",
        ...conv("linear"),
        inputs: [2, constant(14, [1, 1, 32, 32]), constant(15, [32])],
        output: output(3, wide),
      },
      { op: "binary", name: "Add", inputs: [3, 1], output: output(4, wide) },
      { op: "unary", name: "Sigmoid", inputs: [4], output: output(5, wide) },
      { op: "binary", name: "Multiply", inputs: [4, 5], output: output(6, wide) },
      { op: "reduce", name: "Mean", axes: [1, 2], keepDims: false, inputs: [6], output: output(7, [1, 32]) },
      {
        op: "dense",
        activation: "linear",
        inputs: [7, constant(16, [1, 32, 10]), constant(17, [10])],
        output: output(8, [1, 10]),
      },
    ],
  }
}
