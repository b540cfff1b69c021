/** A value and its gradient, which may be overwritten by the next call. */
export type Objective = (point: Float64Array) => { value: number; gradient: Float64Array }

export type MinimiseOptions = {
  /** Ends when the gradient's largest value is below this. */
  tolerance: number
  maxSteps: number
  /** Awaited after each step, so that a long fit can be watched, and stopped by throwing. */
  onStep?: (() => void | Promise<void>) | undefined
}

type Pair = { move: Float64Array; change: Float64Array; curvature: number }

/** Steps that the approximation of the curvature remembers. */
const MEMORY = 8
const MAX_HALVINGS = 30

/**
 * The minimum of a smooth convex function, by L-BFGS with a line search that halves (Nocedal and Wright, Numerical Optimization,
 * algorithms 7.4 and 3.1). The same input gives the same bits.
 */
export async function minimise(
  objective: Objective,
  start: Float64Array,
  { tolerance, maxSteps, onStep }: MinimiseOptions,
): Promise<Float64Array> {
  let point = start.slice()
  let { value, gradient } = copyOf(objective(point))
  const pairs: Pair[] = []
  for (let step = 0; step < maxSteps && largest(gradient) > tolerance; step++) {
    const direction = descend(gradient, pairs)
    const slope = dot(direction, gradient)
    const next = search(objective, { point, value, direction, slope })
    if (!next) break
    const move = subtract(next.point, point)
    const change = subtract(next.gradient, gradient)
    const curvature = dot(move, change)
    if (curvature > 1e-12) pairs.push({ move, change, curvature })
    if (pairs.length > MEMORY) pairs.shift()
    ;({ point, value, gradient } = next)
    await onStep?.()
  }
  return point
}

/** The direction of Newton's step, by what the last steps have shown of the curvature. */
function descend(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const direction = gradient.map((value) => -value)
  const factors: number[] = []
  for (const { move, change, curvature } of pairs.toReversed()) {
    const factor = dot(move, direction) / curvature
    factors.push(factor)
    add(direction, change, -factor)
  }
  const last = pairs.at(-1)
  // Before the first pair the gradient says nothing of how far to go: a step of length 1.
  const scale = last
    ? last.curvature / dot(last.change, last.change)
    : 1 / Math.max(1, Math.sqrt(dot(gradient, gradient)))
  for (let at = 0; at < direction.length; at++) direction[at] = (direction[at] ?? 0) * scale
  for (const { move, change, curvature } of pairs) {
    add(direction, move, (factors.pop() ?? 0) - dot(change, direction) / curvature)
  }
  return direction
}

type Line = { point: Float64Array; value: number; direction: Float64Array; slope: number }

/** The first point on the line that is enough lower; null when rounding hides any. */
function search(objective: Objective, { point, value, direction, slope }: Line) {
  let length = 1
  for (let halving = 0; halving < MAX_HALVINGS; halving++) {
    const candidate = point.slice()
    add(candidate, direction, length)
    const found = objective(candidate)
    if (found.value <= value + 1e-4 * length * slope) return { point: candidate, ...copyOf(found) }
    length /= 2
  }
  return null
}

function copyOf({ value, gradient }: ReturnType<Objective>) {
  return { value, gradient: gradient.slice() }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += (a[at] ?? 0) * (b[at] ?? 0)
  return sum
}

function add(to: Float64Array, what: Float64Array, factor: number): void {
  for (let at = 0; at < to.length; at++) to[at] = (to[at] ?? 0) + factor * (what[at] ?? 0)
}

function subtract(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, at) => value - (b[at] ?? 0))
}

function largest(values: Float64Array): number {
  return values.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
}
