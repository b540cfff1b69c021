/**
 * A network as a list of steps over values: what both engines run, without a class of TF.js. A value is a number; `shapes` has its
 * shape (batch of 1, channels last), and `constants` its content where it is known beforehand.
 */
export type Plan = {
  input: number
  output: number
  /** What the last layer with weights is given: the features of a picture. Null where no layer is clearly the last. */
  features: number | null
  shapes: Map<number, readonly number[]>
  constants: Map<number, Float32Array>
  steps: Step[]
}

export type Step = Op & { inputs: number[]; output: number }

export type Op =
  /** Inputs: picture, filter, and a bias where there is one. */
  | { op: "conv" | "depthwise"; strides: Pair; dilations: Pair; pads: Pads; activation: Activation }
  /** Inputs: values, weights [1, from, to], and a bias where there is one. */
  | { op: "dense"; activation: Activation }
  | { op: "unary"; name: Unary }
  | { op: "binary"; name: Binary }
  | { op: "leakyRelu"; alpha: number }
  | { op: "clip"; min: number; max: number }
  | { op: "maxPool" | "avgPool"; size: Pair; strides: Pair; pads: Pads }
  | { op: "reduce"; name: Reduction; axes: number[]; keepDims: boolean }
  | { op: "concat"; axis: number }
  | { op: "pad"; pads: Pair[]; value: number }
  | { op: "slice"; begin: number[]; size: number[] }
  | { op: "transpose"; perm: number[] }
  | { op: "reshape" }
  /** Over the last axis. */
  | { op: "softmax" }

export type Pair = [number, number]
/** Of height, then of width: before and after. */
export type Pads = [height: Pair, width: Pair]

export const ACTIVATIONS = ["linear", "relu", "relu6", "sigmoid"] as const
export type Activation = (typeof ACTIVATIONS)[number]

/** By the names of TF.js' kernels. */
export const UNARY = ["Relu", "Relu6", "Sigmoid", "Tanh", "Elu", "Exp", "Sqrt", "Neg", "Softplus", "Erf"] as const
export type Unary = (typeof UNARY)[number]
export const BINARY = ["Add", "Sub", "Multiply", "RealDiv", "Maximum", "Minimum"] as const
export type Binary = (typeof BINARY)[number]
export const REDUCTIONS = ["Mean", "Sum", "Max"] as const
export type Reduction = (typeof REDUCTIONS)[number]

/** What cannot be a plan, or must not serve as one. The model is served as TF.js loads it. */
export class PlanError extends Error {
  override readonly name = "PlanError"
  /** Whether there is a plan, which answers otherwise than TF.js. */
  readonly isWrong: boolean

  constructor(message: string, { isWrong = false } = {}) {
    super(message)
    this.isWrong = isWrong
  }
}

export function shapeOf({ shapes }: Pick<Plan, "shapes">, value: number): readonly number[] {
  const shape = shapes.get(value)
  if (shape === undefined) throw new PlanError(`The plan has no shape for value ${value}`)
  return shape
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1)
}

export function constantBytes({ constants }: Plan): number {
  return [...constants.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
}

/** How many steps of each kind, most first: "conv 33, depthwise 16, …". */
export function describeSteps({ steps }: Plan): string {
  const counts = new Map<string, number>()
  for (const step of steps) {
    const name = "name" in step ? step.name : step.op
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a)
  return sorted.map(([name, count]) => `${name} ${count}`).join(", ")
}
