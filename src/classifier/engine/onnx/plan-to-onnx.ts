import { type Activation, type Plan, PlanError, type Step, shapeOf, sizeOf, type Unary } from "../plan/plan.ts"
import { OnnxGraph } from "./onnx-graph.ts"

export const [IMAGE, SCORES, FEATURES] = ["image", "scores", "features"]

/**
 * The plan as an ONNX model. Every value of four sides lies there channels first, as the runtime computes it; it is turned only
 * where the order of its content counts: at the input, the output, and around reshapes.
 */
export function planToOnnx(plan: Plan): Uint8Array {
  const writer = new Writer(plan)
  for (const step of plan.steps) writer.write(step)
  return writer.end()
}

/** From batch, height, width, channels to batch, channels, height, width, and back. */
const FIRST = [0, 3, 1, 2]
const LAST = [0, 2, 3, 1]

class Writer {
  readonly #plan: Plan
  readonly #graph = new OnnxGraph()
  readonly #names = new Map<number, string>()

  constructor(plan: Plan) {
    this.#plan = plan
    const shape = shapeOf(plan, plan.input)
    this.#graph.input(IMAGE, shape)
    this.#names.set(plan.input, this.#channelsFirst(IMAGE, shape))
  }

  end(): Uint8Array {
    const { output, features } = this.#plan
    for (const [name, value] of [[SCORES, output] as const, [FEATURES, features] as const]) {
      if (value === null) continue
      const size = sizeOf(shapeOf(this.#plan, value))
      this.#graph.output(name, this.#reshape(this.#channelsLast(value), [size]), [size])
    }
    return this.#graph.end()
  }

  write(step: Step): void {
    this.#names.set(step.output, this.#write(step))
  }

  #write(step: Step): string {
    const [x = 0, weights = 0, bias] = step.inputs
    const shape = shapeOf(this.#plan, step.output)
    switch (step.op) {
      case "conv":
      case "depthwise":
        return this.#conv(step, bias)
      case "dense":
        return this.#dense(step, { x, weights, bias })
      case "unary":
        return this.#unary(step.name, this.#name(x))
      case "binary":
        return this.#graph.add(BINARY_OPS[step.name], [this.#wide(x, shape), this.#wide(weights, shape)])
      case "leakyRelu":
        return this.#graph.add("LeakyRelu", [this.#name(x)], { alpha: { float: step.alpha } })
      case "clip":
        return this.#clip(this.#name(x), step.min, step.max)
      case "maxPool":
        return this.#graph.add("MaxPool", [this.#name(x)], poolAttributes(step))
      case "avgPool":
        return this.#graph.add("AveragePool", [this.#name(x)], poolAttributes(step))
      case "reduce":
        return this.#reduce(step, x)
      case "concat": {
        const names = step.inputs.map((value) => this.#name(value))
        return this.#graph.add("Concat", names, { axis: axisOf(step.axis, shape.length) })
      }
      case "pad": {
        const sides = inOrder(step.pads, shape.length)
        const pads = this.#graph.ints([...sides.map(([before]) => before), ...sides.map(([, after]) => after)])
        return this.#graph.add("Pad", [this.#name(x), pads, this.#scalar(step.value)])
      }
      case "slice":
        return this.#slice(step, x)
      case "transpose": {
        // Of what lies channels last, whichever way that is turned then.
        const turned = this.#graph.add("Transpose", [this.#channelsLast(x)], { perm: step.perm })
        return this.#channelsFirst(turned, shape)
      }
      case "reshape":
        return this.#channelsFirst(this.#reshape(this.#channelsLast(x), shape), shape)
      case "softmax":
        return this.#graph.add("Softmax", [this.#name(x)], { axis: axisOf(shape.length - 1, shape.length) })
      default:
        return step satisfies never
    }
  }

  #conv(step: Step & { op: "conv" | "depthwise" }, bias: number | undefined): string {
    const [x = 0, filter = 0] = step.inputs
    const [height = 1, width = 1, from = 1, to = 1] = shapeOf(this.#plan, filter)
    const isDepthwise = step.op === "depthwise"
    const values = this.#constant(filter)
    const outputs = isDepthwise ? from * to : to
    const depth = isDepthwise ? 1 : from
    const plane = height * width
    const turned = new Float32Array(values.length)
    // [height, width, from, to] to [outputs, depth, height, width]; those of a depthwise filter are counted together.
    for (let output = 0; output < outputs; output++) {
      for (let channel = 0; channel < depth; channel++) {
        for (let at = 0; at < plane; at++) {
          const found = values[(at * depth + channel) * outputs + output] ?? 0
          turned[(output * depth + channel) * plane + at] = found
        }
      }
    }
    const [[top, bottom], [left, right]] = step.pads
    const inputs = [this.#name(x), this.#graph.floats([outputs, depth, height, width], turned)]
    if (bias !== undefined) inputs.push(this.#graph.floats([outputs], this.#constant(bias)))
    const conv = this.#graph.add("Conv", inputs, {
      kernel_shape: [height, width],
      strides: step.strides,
      dilations: step.dilations,
      pads: [top, left, bottom, right],
      group: isDepthwise ? from : 1,
    })
    return this.#activate(conv, step.activation)
  }

  #dense(step: Step & { op: "dense" }, { x, weights, bias }: { x: number; weights: number; bias: number | undefined }) {
    const [, from = 1, to = 1] = shapeOf(this.#plan, weights)
    const rows = sizeOf(shapeOf(this.#plan, x)) / from
    const matrix = this.#graph.floats([from, to], this.#constant(weights))
    const values = this.#reshape(this.#channelsLast(x), [rows, from])
    const inputs =
      bias === undefined ? [values, matrix] : [values, matrix, this.#graph.floats([to], this.#constant(bias))]
    const scores = this.#activate(this.#graph.add("Gemm", inputs), step.activation)
    const shape = shapeOf(this.#plan, step.output)
    return this.#channelsFirst(this.#reshape(scores, shape), shape)
  }

  #unary(name: Unary, x: string): string {
    if (name === "Relu6") return this.#clip(x, 0, 6)
    return this.#graph.add(name, [x])
  }

  #activate(x: string, activation: Activation): string {
    switch (activation) {
      case "linear":
        return x
      case "relu":
        return this.#graph.add("Relu", [x])
      case "relu6":
        return this.#clip(x, 0, 6)
      case "sigmoid":
        return this.#graph.add("Sigmoid", [x])
      default:
        return activation satisfies never
    }
  }

  #reduce({ name, axes, keepDims }: Step & { op: "reduce" }, x: number): string {
    const rank = shapeOf(this.#plan, x).length
    const turned = axes.map((axis) => axisOf(axis < 0 ? axis + rank : axis, rank))
    const isKept = { keepdims: keepDims || rank === 4 ? 1 : 0 }
    // Only a sum takes its axes as an input, in this version of ONNX.
    const reduced =
      name === "Sum"
        ? this.#graph.add("ReduceSum", [this.#name(x), this.#graph.ints(turned)], isKept)
        : this.#graph.add(`Reduce${name}`, [this.#name(x)], { axes: turned, ...isKept })
    if (keepDims || rank !== 4) return reduced
    // What is left of four sides lies channels first; as a list it has the order of any other.
    const left = shapeOf(this.#plan, x).map((side, axis) => (axes.includes(axis) ? 1 : side))
    const kept = axes.map((axis) => (axis < 0 ? axis + rank : axis))
    const shape = left.filter((_, axis) => !kept.includes(axis))
    return this.#reshape(this.#graph.add("Transpose", [reduced], { perm: LAST }), shape)
  }

  #slice({ begin, size }: Step & { op: "slice" }, x: number): string {
    const [starts, sizes] = [inOrder(begin, begin.length), inOrder(size, size.length)]
    const ends = starts.map((start, axis) => start + (sizes[axis] ?? 0))
    return this.#graph.add("Slice", [this.#name(x), this.#graph.ints(starts), this.#graph.ints(ends)])
  }

  #clip(x: string, min: number, max: number): string {
    return this.#graph.add("Clip", [x, this.#scalar(min), this.#scalar(max)])
  }

  #scalar(value: number): string {
    return this.#graph.floats([], Float32Array.of(value))
  }

  /** One of two values that are computed element by element: of as many sides as their result. */
  #wide(value: number, target: readonly number[]): string {
    const shape = shapeOf(this.#plan, value)
    if (shape.length >= target.length || target.length !== 4) return this.#name(value)
    const sides = [...Array.from({ length: 4 - shape.length }, () => 1), ...shape]
    return this.#channelsFirst(this.#reshape(this.#channelsLast(value), sides), sides)
  }

  #name(value: number): string {
    const known = this.#names.get(value)
    if (known !== undefined) return known
    const shape = shapeOf(this.#plan, value)
    const constant = this.#channelsFirst(this.#graph.floats(shape, this.#constant(value)), shape)
    this.#names.set(value, constant)
    return constant
  }

  #constant(value: number): Float32Array {
    const values = this.#plan.constants.get(value)
    if (values === undefined) throw new PlanError("A filter, or a bias, depends on the picture")
    return values
  }

  #channelsFirst(name: string, shape: readonly number[]): string {
    return shape.length === 4 ? this.#graph.add("Transpose", [name], { perm: FIRST }) : name
  }

  #channelsLast(value: number): string {
    const name = this.#name(value)
    return shapeOf(this.#plan, value).length === 4 ? this.#graph.add("Transpose", [name], { perm: LAST }) : name
  }

  #reshape(name: string, shape: readonly number[]): string {
    return this.#graph.add("Reshape", [name, this.#graph.ints(shape)])
  }
}

const BINARY_OPS = { Add: "Add", Sub: "Sub", Multiply: "Mul", RealDiv: "Div", Maximum: "Max", Minimum: "Min" } as const

/** Where an axis lies when channels come first. */
function axisOf(axis: number, rank: number): number {
  return rank === 4 ? FIRST.indexOf(axis < 0 ? axis + rank : axis) : axis
}

/** What is said of each side, in the order of the sides. */
function inOrder<T>(sides: readonly T[], rank: number): T[] {
  return rank === 4 ? FIRST.map((axis) => sides[axis] as T) : [...sides]
}

function poolAttributes({ size, strides, pads: [[top, bottom], [left, right]] }: Step & { op: "maxPool" | "avgPool" }) {
  return { kernel_shape: size, strides, pads: [top, left, bottom, right] }
}
