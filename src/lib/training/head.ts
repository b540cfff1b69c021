/** A last layer: features in, one score a class out. */
export type Head = {
  classes: number
  /** [feature, class], as a dense layer has it. */
  kernel: Float64Array
  bias: Float64Array
}

/** The scores of a picture's features, written into `scores`. */
export function scoreRow({ classes, kernel, bias }: Head, row: Float32Array, scores: Float64Array): void {
  for (let k = 0; k < classes; k++) scores[k] = bias[k] ?? 0
  for (let at = 0, cell = 0; at < row.length; at++) {
    const value = row[at] ?? 0
    for (let k = 0; k < classes; k++, cell++) scores[k] = (scores[k] ?? 0) + value * (kernel[cell] ?? 0)
  }
}

/** Scores become probabilities where they stand. Returns the logarithm of their sum before: a score less that is a log probability. */
export function toProbabilities(scores: Float64Array): number {
  let largest = Number.NEGATIVE_INFINITY
  for (const score of scores) largest = Math.max(largest, score)
  let sum = 0
  for (let k = 0; k < scores.length; k++) {
    const power = Math.exp((scores[k] ?? 0) - largest)
    scores[k] = power
    sum += power
  }
  for (let k = 0; k < scores.length; k++) scores[k] = (scores[k] ?? 0) / sum
  return largest + Math.log(sum)
}

/** The most probable class and its probability. */
export function bestOf(probabilities: Float64Array): { index: number; probability: number } {
  let index = 0
  for (let k = 1; k < probabilities.length; k++) {
    if ((probabilities[k] ?? 0) > (probabilities[index] ?? 0)) index = k
  }
  return { index, probability: probabilities[index] ?? 0 }
}
