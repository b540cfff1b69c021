import { engine, type NamedAttrMap, type NamedTensorMap, type Tensor, tensor, tidy } from "@tensorflow/tfjs"
import type { Network } from "../network.ts"
import { constantBytes, type Pads, type Plan, type Step, shapeOf, sizeOf } from "../plan/plan.ts"

/** A plan in the memory of TF.js, computed by its fused kernels. */
export function openWasmNetwork(plan: Plan): Network {
  const constants = new Map(
    [...plan.constants].map(([value, data]) => [value, tensor(data, [...shapeOf(plan, value)])]),
  )
  const lastUses = findLastUses(plan)
  const run = (input: Float32Array, wanted: number) =>
    tidy(() => {
      const values = new Map<number, Tensor>(constants)
      values.set(plan.input, tensor(input, [...shapeOf(plan, plan.input)]))
      for (const [at, step] of plan.steps.entries()) {
        if (values.has(wanted)) break
        values.set(step.output, runStep(step, plan, values))
        for (const value of lastUses[at] ?? []) {
          if (value !== wanted) values.get(value)?.dispose()
        }
      }
      return Float32Array.from(valueIn(values, wanted).dataSync())
    })
  return {
    run: async (input) => run(input, plan.output),
    features: async (input) => (plan.features === null ? null : run(input, plan.features)),
    memoryBytes: constantBytes(plan),
    dispose: () => {
      for (const constant of constants.values()) constant.dispose()
    },
  }
}

/** For each step, the values that no later one reads: what they hold is free for the next. */
function findLastUses({ steps, input, output, constants }: Plan): number[][] {
  const last = new Map<number, number>()
  for (const [at, step] of steps.entries()) for (const value of [...step.inputs, step.output]) last.set(value, at)
  const lists: number[][] = steps.map(() => [])
  for (const [value, at] of last) {
    if (value !== output && value !== input && !constants.has(value)) lists[at]?.push(value)
  }
  return lists
}

function runStep(step: Step, plan: Plan, values: ReadonlyMap<number, Tensor>): Tensor {
  const [x, y, z] = step.inputs.map((value) => valueIn(values, value))
  if (x === undefined) throw new Error(`A step of the plan has no input: ${step.op}`)
  const shape = shapeOf(plan, step.output)
  switch (step.op) {
    case "conv":
    case "depthwise": {
      const { strides, dilations, activation } = step
      const attrs = { strides, dilations, activation, pad: padOf(step.pads), dataFormat: "NHWC" }
      const kernel = step.op === "conv" ? "FusedConv2D" : "FusedDepthwiseConv2D"
      return runKernel(kernel, { x, filter: y, bias: z }, attrs)
    }
    case "dense": {
      const a = reshape(x, [1, sizeOf(x.shape) / (y?.shape[1] ?? 1), y?.shape[1] ?? 1])
      const attrs = { transposeA: false, transposeB: false, activation: step.activation }
      return reshape(runKernel("_FusedMatMul", { a, b: y, bias: z }, attrs), shape)
    }
    case "unary":
      return runKernel(step.name, { x })
    case "binary":
      return runKernel(step.name, { a: x, b: y })
    case "leakyRelu":
      return runKernel("LeakyRelu", { x }, { alpha: step.alpha })
    case "clip":
      return runKernel("ClipByValue", { x }, { clipValueMin: step.min, clipValueMax: step.max })
    case "maxPool":
    case "avgPool": {
      const attrs = { filterSize: step.size, strides: step.strides, pad: padOf(step.pads) }
      return runKernel(step.op === "maxPool" ? "MaxPool" : "AvgPool", { x }, attrs)
    }
    case "reduce":
      return runKernel(step.name, { x }, { axis: step.axes, reductionIndices: step.axes, keepDims: step.keepDims })
    case "concat":
      return runKernel("Concat", step.inputs.map((value) => valueIn(values, value)) as unknown as NamedTensorMap, {
        axis: step.axis,
      })
    case "pad":
      return runKernel("PadV2", { x }, { paddings: step.pads, constantValue: step.value })
    case "slice":
      return runKernel("Slice", { x }, { begin: step.begin, size: step.size })
    case "transpose":
      return runKernel("Transpose", { x }, { perm: step.perm })
    case "reshape":
      return reshape(x, shape)
    case "softmax":
      return runKernel("Softmax", { logits: x }, { dim: x.rank - 1 })
    default:
      return step satisfies never
  }
}

function runKernel(kernel: string, inputs: Record<string, Tensor | undefined>, attrs: object = {}): Tensor {
  return engine().runKernel(kernel, inputs as NamedTensorMap, attrs as NamedAttrMap)
}

function reshape(x: Tensor, shape: readonly number[]): Tensor {
  return runKernel("Reshape", { x }, { shape: [...shape] })
}

function padOf([height, width]: Pads) {
  return [[0, 0], height, width, [0, 0]]
}

function valueIn(values: ReadonlyMap<number, Tensor>, value: number): Tensor {
  const found = values.get(value)
  if (found === undefined) throw new Error(`The plan has no value ${value}`)
  return found
}
