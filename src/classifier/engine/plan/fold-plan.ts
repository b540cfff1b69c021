import { type Activation, type Binary, type Op, type Plan, type Step, shapeOf, sizeOf } from "./plan.ts"

type Weighted = Extract<Op, { activation: Activation }> & Step

/**
 * Makes a plan shorter: products and sums with constants go into filters and biases, activations and padding into the step before
 * or after, and what changes nothing is left out. A value that is used twice, or is the output, stays.
 */
export function foldPlan(plan: Plan): Plan {
  const folding = new Folding(plan)
  for (const step of plan.steps) folding.take(step)
  return folding.end()
}

class Folding {
  readonly #plan: Plan
  readonly #uses = new Map<number, number>()
  readonly #steps = new Map<number, Step>()
  readonly #same = new Map<number, number>()
  #nextValue: number

  constructor(plan: Plan) {
    this.#plan = { ...plan, constants: new Map(plan.constants), shapes: new Map(plan.shapes), steps: [] }
    this.#nextValue = Math.max(...plan.shapes.keys()) + 1
    for (const value of [plan.output, ...plan.steps.flatMap(({ inputs }) => inputs)]) {
      this.#uses.set(value, (this.#uses.get(value) ?? 0) + 1)
    }
    // The output is read by who asks, beside any step.
    this.#uses.set(plan.output, (this.#uses.get(plan.output) ?? 0) + 1)
  }

  take(original: Step): void {
    const step: Step = { ...original, inputs: original.inputs.map((value) => this.#same.get(value) ?? value) }
    if (this.#isNothing(step)) {
      const [value = 0] = step.inputs
      this.#same.set(step.output, value)
      this.#uses.set(value, (this.#uses.get(value) ?? 0) + (this.#uses.get(step.output) ?? 0) - 1)
      return
    }
    const folded = this.#fold(step)
    this.#steps.set(folded.output, folded)
  }

  end(): Plan {
    const output = this.#same.get(this.#plan.output) ?? this.#plan.output
    const steps = [...this.#steps.values()]
    const used = new Set([this.#plan.input, output, ...steps.flatMap(({ inputs, output: made }) => [...inputs, made])])
    for (const value of [...this.#plan.constants.keys()]) if (!used.has(value)) this.#plan.constants.delete(value)
    for (const value of [...this.#plan.shapes.keys()]) if (!used.has(value)) this.#plan.shapes.delete(value)
    return { ...this.#plan, steps, output, features: this.#featuresOf(steps) }
  }

  /** What the last layer with weights is given, where that is a list; a convolution over one pixel is a dense layer, too. */
  #featuresOf(steps: readonly Step[]): number | null {
    const at = steps.findLastIndex(({ op }) => op === "dense" || op === "conv" || op === "depthwise")
    const last = steps[at]
    const [value, weights] = last?.inputs ?? []
    if (value === undefined || weights === undefined || last?.op === "depthwise") return null
    const isList = sizeOf(shapeOf(this.#plan, value)) === shapeOf(this.#plan, weights).at(-2)
    return isList && steps.slice(at + 1).every((step) => isAfterDense(step)) ? value : null
  }

  #isNothing(step: Step): boolean {
    const [value = 0] = step.inputs
    const [before, after] = [shapeOf(this.#plan, value), shapeOf(this.#plan, step.output)]
    const isSame = String(before) === String(after)
    if (step.op === "reshape" || step.op === "slice" || step.op === "pad") return isSame
    return step.op === "concat" && step.inputs.length === 1
  }

  #fold(step: Step): Step {
    const constant = step.op === "binary" ? step.inputs.findIndex((value) => this.#plan.constants.has(value)) : -1
    const at = constant === 0 ? 1 : 0
    const [value = 0] = step.inputs.slice(at)
    const before = this.#uses.get(value) === 1 ? this.#steps.get(value) : undefined
    const folded = before && this.#foldInto(before, step, step.inputs[constant])
    if (!folded) return step
    this.#steps.delete(value)
    return folded
  }

  /** Both steps as one; undefined where they are not. */
  #foldInto(before: Step, step: Step, constant: number | undefined): Step | undefined {
    const { output } = step
    const activation = activationOf(step)
    if (isWeighted(before)) {
      if (activation && before.activation === "linear") return { ...before, activation, output }
      if (activation === "relu6" && before.activation === "relu") return { ...before, activation, output }
      if (activation && activation === before.activation && activation !== "sigmoid") return { ...before, output }
      // A constant less the value is no sum with a constant, nor is one divided by it a product.
      const isTurned = constant === step.inputs[0] && step.op === "binary" && ["Sub", "RealDiv"].includes(step.name)
      if (step.op === "binary" && constant !== undefined && !isTurned && before.activation === "linear") {
        return this.#foldConstant(before, step.name, { constant, output })
      }
    }
    if (before.op === "unary" && before.name === "Relu" && activation === "relu6") {
      return { op: "unary", name: "Relu6", inputs: before.inputs, output }
    }
    // A dense layer takes its values, and leaves them, in any shape.
    if (before.op === "reshape" && (step.op === "reshape" || step.op === "dense")) {
      return { ...step, inputs: [...before.inputs, ...step.inputs.slice(1)] }
    }
    if (before.op === "dense" && step.op === "reshape" && this.#isSameWidth(before.output, output)) {
      return { ...before, output }
    }
    if (before.op === "pad" && (step.op === "conv" || step.op === "depthwise")) return foldPad(before, step)
    return undefined
  }

  #isSameWidth(one: number, other: number): boolean {
    return shapeOf(this.#plan, one).at(-1) === shapeOf(this.#plan, other).at(-1)
  }

  #foldConstant(before: Weighted, name: Binary, { constant, output }: { constant: number; output: number }) {
    const channels = shapeOf(this.#plan, before.output).at(-1) ?? 1
    const values = this.#plan.constants.get(constant)
    const isWide = shapeOf(this.#plan, constant).length > shapeOf(this.#plan, output).length
    const isPerChannel =
      values?.length === 1 || (values?.length === channels && shapeOf(this.#plan, constant).at(-1) === channels)
    if (!values || !isPerChannel || isWide) return undefined
    const each = (at: number) => values[at % values.length] ?? 0
    const [x = 0, filter = 0, bias] = before.inputs
    const [weights, shift] = [
      this.#plan.constants.get(filter),
      bias === undefined ? null : this.#plan.constants.get(bias),
    ]
    if (weights === undefined || shift === undefined) return undefined
    const biasAt = (at: number) => (shift === null ? 0 : (shift[at % shift.length] ?? 0))
    const fold = (factor: (at: number) => number, sum: (at: number) => number): Step => {
      // The last two sides of a depthwise filter make its channels; they lie side by side like the last side of any other.
      const scaled = weights.map((weight, at) => weight * factor(at % channels))
      const shifted = Float32Array.from({ length: channels }, (_, at) => biasAt(at) * factor(at) + sum(at))
      const inputs = [x, this.#constant(shapeOf(this.#plan, filter), scaled), this.#constant([channels], shifted)]
      return { ...before, inputs, output }
    }
    switch (name) {
      case "Multiply":
        return fold(each, () => 0)
      case "RealDiv":
        return fold(
          (at) => 1 / each(at),
          () => 0,
        )
      case "Add":
        return fold(() => 1, each)
      case "Sub":
        return fold(
          () => 1,
          (at) => -each(at),
        )
      default:
        return undefined
    }
  }

  #constant(shape: readonly number[], values: Float32Array): number {
    this.#plan.shapes.set(this.#nextValue, shape)
    this.#plan.constants.set(this.#nextValue, values)
    return this.#nextValue++
  }
}

function isWeighted(step: Step): step is Weighted {
  return step.op === "conv" || step.op === "depthwise" || step.op === "dense"
}

/** What may follow the last dense layer: its bias, and what makes scores of its values. */
function isAfterDense(step: Step): boolean {
  if (step.op === "unary") return step.name === "Sigmoid"
  return step.op === "softmax" || step.op === "reshape" || (step.op === "binary" && step.name === "Add")
}

function activationOf(step: Step): Activation | undefined {
  if (step.op === "clip" && step.min === 0 && step.max === 6) return "relu6"
  if (step.op !== "unary") return undefined
  return ({ Relu: "relu", Relu6: "relu6", Sigmoid: "sigmoid" } as const)[step.name as "Relu" | "Relu6" | "Sigmoid"]
}

function foldPad(pad: Step & { op: "pad" }, step: Step & { op: "conv" | "depthwise" }): Step | undefined {
  const [batch, height, width, channels] = pad.pads
  const isInside = [batch, channels].every((sides) => sides?.every((side) => side === 0))
  if (pad.value !== 0 || !height || !width || !isInside) return undefined
  const [[top, bottom], [left, right]] = step.pads
  return {
    ...step,
    inputs: [...pad.inputs, ...step.inputs.slice(1)],
    pads: [
      [top + height[0], bottom + height[1]],
      [left + width[0], right + width[1]],
    ],
  }
}
