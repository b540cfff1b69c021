/** Feature vectors, one row a picture, in blocks of whole rows: together they may be more than memory holds. */
export type Features = {
  count: number
  /** Values in a row. */
  length: number
  /** All rows in order. A block may be overwritten when the next one is asked for. */
  blocks: () => Iterable<Float32Array>
}

/** Features that are in memory. */
export function featuresOf(rows: readonly Float32Array[]): Features {
  return { count: rows.length, length: rows[0]?.length ?? 0, blocks: () => rows }
}

export function* rowsOf({ length, blocks }: Features): Generator<Float32Array> {
  for (const block of blocks()) {
    for (let start = 0; start < block.length; start += length) yield block.subarray(start, start + length)
  }
}

/** Of each feature, what is taken off it and what it is multiplied with before it is fitted. */
export type Scaling = { mean: Float64Array; factor: Float64Array }

/** Of the mean variance of all features: what is added to each, so that one which hardly ever changes is not blown up. */
const VARIANCE_FLOOR = 0.05

/** Makes each feature vary about as much as the others, and a whole row by about 1. */
export function scalingOf(features: Features): Scaling {
  const { length, count } = features
  const [mean, squares] = [new Float64Array(length), new Float64Array(length)]
  for (const row of rowsOf(features)) {
    for (let at = 0; at < length; at++) mean[at] = (mean[at] ?? 0) + (row[at] ?? 0) / count
  }
  for (const row of rowsOf(features)) {
    for (let at = 0; at < length; at++)
      squares[at] = (squares[at] ?? 0) + ((row[at] ?? 0) - (mean[at] ?? 0)) ** 2 / count
  }
  const typical = squares.reduce((sum, variance) => sum + variance, 0) / length
  const factor = squares.map((variance) => {
    const floored = variance + VARIANCE_FLOOR * typical
    return floored > 0 ? 1 / Math.sqrt(length * floored) : 0
  })
  return { mean, factor }
}
