/** What a network's scores are, and what said so. */
export type Output = {
  /** Those of a multilabel model are probabilities of their own, or logits of such. */
  kind: "probabilities" | "logits" | "multilabel" | "multilabel logits"
  from: string
  /** One score tells two classes apart, the second of which it is the probability of: Keras' last layer of one unit. */
  isBinary: boolean
}

/** Probabilities in class order. */
export function toProbabilities(scores: Float32Array, { kind, isBinary }: Output): Float32Array {
  if (kind === "multilabel") return scores
  if (kind === "multilabel logits") return scores.map((score) => 1 / (1 + Math.exp(-score)))
  if (kind === "probabilities") return isBinary ? bothOf(scores) : scores
  return softmax(isBinary ? Float32Array.from([0, scores[0] ?? 0]) : scores)
}

/** Softmax, shifted by the largest value so that no exponent overflows. */
export function softmax(logits: Float32Array): Float32Array {
  const largest = logits.reduce((max, value) => Math.max(max, value), Number.NEGATIVE_INFINITY)
  const powers = logits.map((value) => Math.exp(value - largest))
  const sum = powers.reduce((total, value) => total + value, 0)
  return powers.map((value) => value / sum)
}

/** Of the probability of the second of two classes, those of both. */
export function bothOf([second = 0]: Float32Array): Float32Array {
  return Float32Array.from([1 - second, second])
}

/** Whether scores read as probabilities of classes that exclude each other. */
export function isDistribution(scores: Float32Array): boolean {
  const sum = scores.reduce((total, value) => total + value, 0)
  return Math.abs(sum - 1) < 1e-3 && scores.every((value) => value >= 0 && value <= 1 + 1e-4)
}
