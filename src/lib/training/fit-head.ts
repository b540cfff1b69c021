import { type Features, rowsOf, type Scaling } from "./features.ts"
import { type Head, scoreRow, toProbabilities } from "./head.ts"
import { type MinimiseOptions, minimise, type Objective } from "./minimise.ts"

export type LabelledFeatures = {
  features: Features
  /** The class of each row. */
  labels: Int32Array
  classes: number
  scaling: Scaling
}

export type FitOptions = MinimiseOptions & {
  /** What the square of the kernel costs. */
  l2: number
  /** Of each row; one of 0 is left out. */
  weights: Float64Array
  /** Where to begin: what fitHead() returned for others of these rows. */
  start?: Float64Array | undefined
}

/** Softmax regression with L2: the most probable last layer as `point`, from which another fit may start, and as a head. */
export async function fitHead(
  data: LabelledFeatures,
  options: FitOptions,
): Promise<{ head: Head; point: Float64Array }> {
  const { features, classes, scaling } = data
  const start = options.start ?? new Float64Array((features.length + 1) * classes)
  const point = await minimise(objectiveOf(data, options), start, options)
  return { head: toHead(point, classes, scaling), point }
}

/** Weights with which each class counts the same, and all rows together 1. `uses` says which rows count at all. */
export function balancedWeights(labels: Int32Array, classes: number, uses: (row: number) => boolean): Float64Array {
  const counts = new Float64Array(classes)
  labels.forEach((label, row) => {
    if (uses(row)) counts[label] = (counts[label] ?? 0) + 1
  })
  const present = counts.filter((count) => count > 0).length
  return Float64Array.from(labels, (label, row) => (uses(row) ? 1 / ((counts[label] ?? 1) * present) : 0))
}

function objectiveOf(
  { features, labels, classes, scaling }: LabelledFeatures,
  { l2, weights }: Pick<FitOptions, "l2" | "weights">,
): Objective {
  const { length } = features
  const errors = new Float64Array(classes)
  const gradient = new Float64Array((length + 1) * classes)
  return (point) => {
    const head = toHead(point, classes, scaling)
    gradient.fill(0)
    const biasAt = length * classes
    let [value, index] = [0, 0]
    for (const row of rowsOf(features)) {
      const [weight, label] = [weights[index] ?? 0, labels[index] ?? 0]
      index++
      if (weight === 0) continue
      scoreRow(head, row, errors)
      const score = errors[label] ?? 0
      value += weight * (toProbabilities(errors) - score)
      errors[label] = (errors[label] ?? 0) - 1
      for (let k = 0; k < classes; k++) {
        errors[k] = (errors[k] ?? 0) * weight
        gradient[biasAt + k] = (gradient[biasAt + k] ?? 0) + (errors[k] ?? 0)
      }
      addOuter(gradient, row, errors)
    }
    // So far it is of features as they come; the point is of scaled ones.
    for (let at = 0, cell = 0; at < length; at++) {
      const [mean, factor] = [scaling.mean[at] ?? 0, scaling.factor[at] ?? 0]
      for (let k = 0; k < classes; k++, cell++) {
        const own = point[cell] ?? 0
        value += (l2 / 2) * own * own
        gradient[cell] = ((gradient[cell] ?? 0) - mean * (gradient[biasAt + k] ?? 0)) * factor + l2 * own
      }
    }
    return { value, gradient }
  }
}

function addOuter(gradient: Float64Array, row: Float32Array, errors: Float64Array): void {
  const classes = errors.length
  for (let at = 0, cell = 0; at < row.length; at++) {
    const value = row[at] ?? 0
    for (let k = 0; k < classes; k++, cell++) gradient[cell] = (gradient[cell] ?? 0) + value * (errors[k] ?? 0)
  }
}

/** The head that does with features as they come what the point does with scaled ones. */
function toHead(point: Float64Array, classes: number, { mean, factor }: Scaling): Head {
  const kernel = new Float64Array(mean.length * classes)
  const bias = point.slice(kernel.length)
  for (let at = 0, cell = 0; at < mean.length; at++) {
    for (let k = 0; k < classes; k++, cell++) {
      const weight = (point[cell] ?? 0) * (factor[at] ?? 0)
      kernel[cell] = weight
      bias[k] = (bias[k] ?? 0) - weight * (mean[at] ?? 0)
    }
  }
  return { classes, kernel, bias }
}
