import { featuresOf, rowsOf, type Scaling } from "./features.ts"
import type { LabelledFeatures } from "./fit-head.ts"
import type { Head } from "./head.ts"

export type Reduced = { data: LabelledFeatures; expand: (head: Head) => Head }

/** Of the mean square of a row: keeps rows that depend on each other apart. */
const RIDGE = 1e-9

/**
 * The same rows with one feature a row instead of more: their distances stay, so that a fit with L2 stays the same and costs less.
 * By the Cholesky factor of the products of all rows (Hastie and Tibshirani 2004, Efficient quadratic regularization).
 */
export function reduceRows(data: LabelledFeatures): Reduced {
  const { scaling, classes } = data
  const rows = Array.from(rowsOf(data.features), (row) => scaled(row, scaling))
  const factor = cholesky(rows)
  const features = featuresOf(factor.map((row) => Float32Array.from(row)))
  const plain = { mean: new Float64Array(rows.length), factor: new Float64Array(rows.length).fill(1) }
  const expand = ({ kernel, bias }: Head): Head => {
    const wide = { classes, kernel: new Float64Array(data.features.length * classes), bias: bias.slice() }
    for (let k = 0; k < classes; k++) {
      const shares = solveTransposed(
        factor,
        rows.map((_row, at) => kernel[at * classes + k] ?? 0),
      )
      for (const [at, factorOf] of scaling.factor.entries()) {
        const weight = rows.reduce((sum, row, index) => sum + (row[at] ?? 0) * (shares[index] ?? 0), 0) * factorOf
        wide.kernel[at * classes + k] = weight
        wide.bias[k] = (wide.bias[k] ?? 0) - weight * (scaling.mean[at] ?? 0)
      }
    }
    return wide
  }
  return { data: { ...data, features, scaling: plain }, expand }
}

function scaled(row: Float32Array, { mean, factor }: Scaling): Float64Array {
  return Float64Array.from(row, (value, at) => (value - (mean[at] ?? 0)) * (factor[at] ?? 0))
}

/** The lower triangle whose product with its transpose is that of the rows. */
function cholesky(rows: readonly Float64Array[]): Float64Array[] {
  const ridge = (RIDGE * rows.reduce((sum, row) => sum + dot(row, row, row.length), 0)) / rows.length || RIDGE
  const factor = rows.map(() => new Float64Array(rows.length))
  for (const [at, row] of rows.entries()) {
    const own = factor[at] ?? row
    for (let before = 0; before <= at; before++) {
      const other = factor[before] ?? own
      const rest = dot(row, rows[before] ?? row, row.length) - dot(own, other, before)
      own[before] = before === at ? Math.sqrt(Math.max(rest, 0) + ridge) : rest / (other[before] ?? 1)
    }
  }
  return factor
}

/** What times the transposed triangle gives the values. */
function solveTransposed(factor: readonly Float64Array[], values: readonly number[]): Float64Array {
  const solved = Float64Array.from(values)
  for (let at = factor.length - 1; at >= 0; at--) {
    solved[at] = (solved[at] ?? 0) / (factor[at]?.[at] ?? 1)
    for (let before = 0; before < at; before++) {
      solved[before] = (solved[before] ?? 0) - (factor[at]?.[before] ?? 0) * (solved[at] ?? 0)
    }
  }
  return solved
}

function dot(a: Float64Array, b: Float64Array, count: number): number {
  let sum = 0
  for (let at = 0; at < count; at++) sum += (a[at] ?? 0) * (b[at] ?? 0)
  return sum
}
