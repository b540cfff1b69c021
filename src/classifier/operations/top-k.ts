import type { Prediction } from "../../lib/queue/job.ts"

/** The `k` most probable classes, best first; of two equal ones the lower index first. */
export function topK(probabilities: Float32Array, labels: readonly string[], k: number): Prediction[] {
  const best: number[] = []
  const at = (index: number | undefined) =>
    index === undefined ? Number.NEGATIVE_INFINITY : (probabilities[index] ?? 0)
  // Keeping k sorted is cheaper than sorting all: k is small, and few classes make it into the list.
  for (let index = 0; index < probabilities.length; index++) {
    if (best.length >= k && at(index) <= at(best.at(-1))) continue
    let place = best.length
    while (place > 0 && at(best[place - 1]) < at(index)) place--
    best.splice(place, 0, index)
    if (best.length > k) best.pop()
  }
  return best.map((classIndex) => ({ label: labels[classIndex] ?? "", probability: at(classIndex), classIndex }))
}
