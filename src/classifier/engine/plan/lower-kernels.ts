import {
  ACTIVATIONS,
  type Activation,
  BINARY,
  type Op,
  type Pads,
  type Pair,
  type Plan,
  PlanError,
  REDUCTIONS,
  shapeOf,
  UNARY,
} from "./plan.ts"
import type { RecordedKernel, Recording } from "./recording.ts"

/** Makes a plan of what was recorded. @throws PlanError that names the kernel which has no step */
export function lowerKernels({ input, output, kernels, shapes, constants }: Recording): Plan {
  const lowering = new Lowering({ input, output, features: null, shapes, constants, steps: [] })
  for (const kernel of kernels) lowering.lower(kernel)
  return lowering.end()
}

class Lowering {
  readonly #plan: Plan
  /** Values that are others under another number. */
  readonly #same = new Map<number, number>()
  #nextValue: number

  constructor(plan: Plan) {
    this.#plan = plan
    this.#nextValue = Math.max(...plan.shapes.keys()) + 1
  }

  end(): Plan {
    this.#plan.output = this.#resolve(this.#plan.output)
    return this.#plan
  }

  lower(recorded: RecordedKernel): void {
    const add = this.#ways[recorded.kernel]
    if (add === undefined) throw new PlanError(`No step for the kernel ${recorded.kernel}`)
    add(recorded, new Attributes(recorded))
  }

  /** By the kernel's name. */
  readonly #ways: Readonly<Record<string, (recorded: RecordedKernel, attr: Attributes) => void>> = {
    ...wayOfEach(UNARY, (recorded, name) => this.#add(recorded, ["x"], { op: "unary", name })),
    ...wayOfEach(BINARY, (recorded, name) => this.#add(recorded, ["a", "b"], { op: "binary", name })),
    ...wayOfEach(REDUCTIONS, (recorded, name) => {
      const { axis, reductionIndices = axis, keepDims } = recorded.attrs
      const axes = [reductionIndices].flat() as number[]
      this.#add(recorded, ["x"], { op: "reduce", name, axes, keepDims: keepDims === true })
    }),
    Identity: (recorded) => this.#alias(recorded),
    Cast: (recorded) => {
      if (recorded.attrs.dtype !== "float32") throw new PlanError(`Cast to ${String(recorded.attrs.dtype)}`)
      this.#alias(recorded)
    },
    Conv2D: (recorded) => this.#addConv(recorded, "conv"),
    FusedConv2D: (recorded) => this.#addConv(recorded, "conv"),
    DepthwiseConv2dNative: (recorded) => this.#addConv(recorded, "depthwise"),
    FusedDepthwiseConv2D: (recorded) => this.#addConv(recorded, "depthwise"),
    _FusedMatMul: (recorded) => this.#addDense(recorded),
    BatchMatMul: (recorded) => this.#addDense(recorded),
    FusedBatchNorm: (recorded) => this.#addBatchNorm(recorded),
    LeakyRelu: (recorded, attr) => this.#add(recorded, ["x"], { op: "leakyRelu", alpha: attr.number("alpha") }),
    ClipByValue: (recorded, attr) => {
      const [min, max] = [attr.number("clipValueMin"), attr.number("clipValueMax")]
      this.#add(recorded, ["x"], { op: "clip", min, max })
    },
    MaxPool: (recorded) => this.#addPool(recorded),
    AvgPool: (recorded) => this.#addPool(recorded),
    PadV2: (recorded, attr) => {
      const pads = recorded.attrs.paddings as Pair[]
      this.#add(recorded, ["x"], { op: "pad", pads, value: attr.number("constantValue") })
    },
    Concat: (recorded, attr) => {
      this.#add(recorded, Object.keys(recorded.inputs), { op: "concat", axis: attr.number("axis") })
    },
    Slice: (recorded) => {
      const size = [...shapeOf(this.#plan, recorded.outputs[0] ?? 0)]
      this.#add(recorded, ["x"], { op: "slice", begin: recorded.attrs.begin as number[], size })
    },
    SplitV: (recorded, attr) => this.#addSplit(recorded, attr.number("axis")),
    Transpose: (recorded) => this.#add(recorded, ["x"], { op: "transpose", perm: recorded.attrs.perm as number[] }),
    Reshape: (recorded) => this.#add(recorded, ["x"], { op: "reshape" }),
    ExpandDims: (recorded) => this.#add(recorded, ["input"], { op: "reshape" }),
    Softmax: (recorded) => this.#add(recorded, ["logits"], { op: "softmax" }),
  }

  #addConv(recorded: RecordedKernel, op: "conv" | "depthwise"): void {
    const attr = new Attributes(recorded)
    const [strides, dilations] = [attr.pair("strides"), attr.pair("dilations", [1, 1])]
    const filter = shapeOf(this.#plan, this.#input(recorded, "filter"))
    const size: Pair = [filter[0] ?? 1, filter[1] ?? 1]
    const pads = this.#padsOf(recorded, { size, strides, dilations })
    this.#addActivated(recorded, ["x", "filter", "bias"], (activation) => {
      return { op, strides, dilations, pads, activation }
    })
  }

  #addDense(recorded: RecordedKernel): void {
    const { kernel, attrs } = recorded
    const weights = this.#input(recorded, "b")
    const known = this.#plan.constants.get(weights)
    const [from = 0, to = 0] = shapeOf(this.#plan, weights).slice(-2)
    if (known === undefined) throw new PlanError(`${kernel} of two values that depend on the picture`)
    if (attrs.transposeA === true || known.length !== from * to) throw new PlanError(`${kernel} of several matrices`)
    const isTurned = attrs.transposeB === true
    const matrix = isTurned ? known.map((_, at) => known[(at % from) * to + Math.floor(at / from)] ?? 0) : known
    const turned = this.#constant(isTurned ? [1, to, from] : [1, from, to], matrix)
    const inputs = { ...recorded.inputs, b: turned }
    this.#addActivated({ ...recorded, inputs }, ["a", "b", "bias"], (activation) => ({ op: "dense", activation }))
  }

  /** A kernel whose activation our steps lack gets that as a step of its own. */
  #addActivated(recorded: RecordedKernel, names: string[], opWith: (activation: Activation) => Op): void {
    const asked = recorded.attrs.activation ?? "linear"
    const fused = ACTIVATIONS.find((name) => name === asked)
    const [output = 0] = recorded.outputs
    const between = fused ? output : this.#value(shapeOf(this.#plan, output))
    this.#add({ ...recorded, outputs: [between] }, names, opWith(fused ?? "linear"))
    if (!fused) this.#add({ ...recorded, inputs: { x: between } }, ["x"], activationOf(recorded))
  }

  /** (x - mean) / sqrt(variance + epsilon) × scale + offset, as one product and one sum. */
  #addBatchNorm(recorded: RecordedKernel): void {
    const read = (name: string, otherwise: number) => {
      if (recorded.inputs[name] === undefined) return () => otherwise
      const values = this.#plan.constants.get(this.#input(recorded, name))
      if (values === undefined) throw new PlanError(`FusedBatchNorm whose ${name} depends on the picture`)
      return (at: number) => values[at] ?? 0
    }
    const [mean, variance, scale, offset] = [read("mean", 0), read("variance", 1), read("scale", 1), read("offset", 0)]
    const epsilon = new Attributes(recorded).number("varianceEpsilon")
    const [output = 0] = recorded.outputs
    const shape = shapeOf(this.#plan, output)
    const channels = shape.at(-1) ?? 1
    const factors = Float32Array.from({ length: channels }, (_, at) => scale(at) / Math.sqrt(variance(at) + epsilon))
    const sums = Float32Array.from({ length: channels }, (_, at) => offset(at) - mean(at) * (factors[at] ?? 0))
    const between = this.#value(shape)
    const [x, factor, sum] = [
      this.#input(recorded, "x"),
      this.#constant([channels], factors),
      this.#constant([channels], sums),
    ]
    this.#plan.steps.push({ op: "binary", name: "Multiply", inputs: [x, factor], output: between })
    this.#plan.steps.push({ op: "binary", name: "Add", inputs: [between, sum], output })
  }

  #addPool(recorded: RecordedKernel): void {
    const attr = new Attributes(recorded)
    const [size, strides] = [attr.pair("filterSize"), attr.pair("strides")]
    const pads = this.#padsOf(recorded, { size, strides, dilations: [1, 1] })
    const op = recorded.kernel === "MaxPool" ? "maxPool" : "avgPool"
    this.#add(recorded, ["x"], { op, size, strides, pads })
  }

  #addSplit(recorded: RecordedKernel, axis: number): void {
    let at = 0
    for (const output of recorded.outputs) {
      const size = [...shapeOf(this.#plan, output)]
      const begin = size.map((_, side) => (side === axis ? at : 0))
      this.#add({ ...recorded, outputs: [output] }, ["x"], { op: "slice", begin, size })
      at += size[axis] ?? 0
    }
  }

  /** How many rows and columns of padding make the output as large as it was. */
  #padsOf(
    recorded: RecordedKernel,
    { size, strides, dilations }: Record<"size" | "strides" | "dilations", Pair>,
  ): Pads {
    const { pad, dataFormat = "NHWC", dimRoundingMode } = recorded.attrs
    if (dataFormat !== "NHWC" || dimRoundingMode != null) throw new PlanError(`${recorded.kernel} of another layout`)
    if (pad === "valid") {
      return [
        [0, 0],
        [0, 0],
      ]
    }
    if (typeof pad === "number") {
      return [
        [pad, pad],
        [pad, pad],
      ]
    }
    if (Array.isArray(pad)) return [pad[1], pad[2]]
    const [seen, made] = [
      shapeOf(this.#plan, this.#input(recorded, "x")),
      shapeOf(this.#plan, recorded.outputs[0] ?? 0),
    ]
    const [height, width] = [0, 1].map((axis): Pair => {
      const reach = ((size[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1
      const whole = Math.max(0, ((made[axis + 1] ?? 1) - 1) * (strides[axis] ?? 1) + reach - (seen[axis + 1] ?? 1))
      return [Math.floor(whole / 2), Math.ceil(whole / 2)]
    })
    return [height ?? [0, 0], width ?? [0, 0]]
  }

  #add(recorded: RecordedKernel, names: readonly string[], op: Op): void {
    const inputs = names.filter((name) => recorded.inputs[name] !== undefined)
    const [output = 0] = recorded.outputs
    if (recorded.inputs.preluActivationWeights !== undefined) throw new PlanError(`${recorded.kernel} with PReLU`)
    this.#plan.steps.push({ ...op, inputs: inputs.map((name) => this.#input(recorded, name)), output })
  }

  #alias(recorded: RecordedKernel): void {
    this.#same.set(recorded.outputs[0] ?? 0, this.#input(recorded, "x"))
  }

  #input(recorded: RecordedKernel, name: string): number {
    const value = recorded.inputs[name]
    if (value === undefined) throw new PlanError(`${recorded.kernel} without ${name}`)
    return this.#resolve(value)
  }

  #resolve(value: number): number {
    return this.#same.get(value) ?? value
  }

  #value(shape: readonly number[]): number {
    this.#plan.shapes.set(this.#nextValue, shape)
    return this.#nextValue++
  }

  #constant(shape: readonly number[], values: Float32Array): number {
    const value = this.#value(shape)
    this.#plan.constants.set(value, values)
    return value
  }
}

function wayOfEach<T extends string>(names: readonly T[], way: (recorded: RecordedKernel, name: T) => void) {
  return Object.fromEntries(names.map((name) => [name, (recorded: RecordedKernel) => way(recorded, name)]))
}

/** A fused activation as a step of its own. */
function activationOf(recorded: RecordedKernel): Op {
  const { activation } = recorded.attrs
  if (activation === "elu") return { op: "unary", name: "Elu" }
  if (activation !== "leakyrelu") throw new PlanError(`${recorded.kernel} with the activation ${String(activation)}`)
  return { op: "leakyRelu", alpha: new Attributes(recorded).number("leakyreluAlpha") }
}

/** A kernel's attributes, which TF.js leaves untyped. */
class Attributes {
  readonly #recorded: RecordedKernel

  constructor(recorded: RecordedKernel) {
    this.#recorded = recorded
  }

  number(name: string): number {
    const value = this.#recorded.attrs[name]
    if (typeof value === "number") return value
    throw new PlanError(`${this.#recorded.kernel} without ${name}`)
  }

  pair(name: string, otherwise?: Pair): Pair {
    const value = this.#recorded.attrs[name] ?? otherwise
    if (typeof value === "number") return [value, value]
    if (Array.isArray(value) && value.length === 2) return [Number(value[0]), Number(value[1])]
    throw new PlanError(`${this.#recorded.kernel} without ${name}`)
  }
}
