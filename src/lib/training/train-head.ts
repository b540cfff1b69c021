import { type Answers, assignFolds, countRight, crossValidate } from "./cross-validate.ts"
import { type Features, featuresOf, rowsOf, scalingOf } from "./features.ts"
import { balancedWeights, fitHead, type LabelledFeatures } from "./fit-head.ts"
import type { Head } from "./head.ts"
import { seededRandom } from "./random.ts"
import { reduceRows } from "./reduce-rows.ts"
import { type Interval, wilson } from "./wilson.ts"

export type TrainingSet = { features: Features; labels: Int32Array; classes: number }

export type TrainOptions = {
  /** Decides which picture is in which fold. */
  seed?: number
  /** The share of known, rightly named pictures that may be called unknown; left out, no threshold is looked for. */
  rejectShare?: number | undefined
  /** Awaited after each step of a fit, with the fits that are done and those there are at most; stops by throwing. */
  onStep?: ((done: number, atMost: number) => void | Promise<void>) | undefined
}

export type TrainedHead = {
  head: Head
  l2: number
  folds: number
  /** Of pictures that were left out, in turn, when a head was fitted. */
  crossValidated: Answers & { accuracy: Interval }
  /** Below this probability the best class is "none of these". */
  rejectBelow?: number
}

const FOLDS = 5
/** From strong to weak. */
const L2 = [1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6]
/** L2 is chosen on that many rows at most; it is the less, the more rows there are. */
const CHOOSING_ROWS = 2_000
const ROUGH = { tolerance: 3e-4, maxSteps: 60 }
const FINE = { tolerance: 1e-6, maxSteps: 500 }

/**
 * Fits a last layer to labelled features: softmax regression whose L2 is chosen by the loss in cross-validation, each class counting the same.
 * The same rows in the same order and the same seed give the same bits.
 */
export async function trainHead(set: TrainingSet, options: TrainOptions = {}): Promise<TrainedHead> {
  const { seed = 0, rejectShare, onStep } = options
  const folds = Math.max(2, Math.min(FOLDS, smallestClass(set)))
  let done = 0
  const atMost = L2.length * folds + 1
  const watch = onStep && { onStep: () => onStep(done, atMost) }
  const validate = async (data: LabelledFeatures, l2s: readonly number[]) => {
    const fold = assignFolds(data.labels, folds, seededRandom(seed))
    const starts: Float64Array[] = []
    let best: { l2: number; answers: Answers } | null = null
    for (const l2 of l2s) {
      const answers = await crossValidate(data, { ...ROUGH, ...watch, l2, fold, folds, starts })
      done += folds
      // The loss falls to its least and rises again.
      if (best && answers.loss >= best.answers.loss) break
      best = { l2, answers }
    }
    if (!best) throw new RangeError("Cannot choose L2: none was given")
    return best
  }
  const scaled = { ...set, scaling: scalingOf(set.features) }
  const reduced = set.features.count * 2 < set.features.length ? reduceRows(scaled) : null
  const data = reduced?.data ?? scaled
  const sample = set.features.count > CHOOSING_ROWS ? sampleOf(data, seed) : null
  const chosen = await validate(sample ?? data, L2)
  const l2 = chosen.l2 * (sample ? sample.features.count / set.features.count : 1)
  const { answers } = sample ? await validate(data, [l2]) : chosen
  const weights = balancedWeights(set.labels, set.classes, () => true)
  const { head } = await fitHead(data, { ...FINE, ...watch, l2, weights })
  const accuracy = wilson(countRight(answers, set.labels), set.features.count)
  return {
    head: reduced?.expand(head) ?? head,
    l2,
    folds,
    crossValidated: { ...answers, accuracy },
    ...(rejectShare !== undefined && { rejectBelow: rejectThreshold(answers, set.labels, rejectShare) }),
  }
}

/** The probability that all but a share of the rightly named pictures have. */
export function rejectThreshold({ said, probability }: Answers, labels: Int32Array, share: number): number {
  const sure = probability.filter((_value, row) => said[row] === labels[row]).sort()
  return Math.floor((sure[Math.floor(share * sure.length)] ?? 0) * 10_000) / 10_000
}

function smallestClass({ labels, classes }: TrainingSet): number {
  const counts = new Array<number>(classes).fill(0)
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1
  return Math.min(...counts)
}

/** Some of the rows, in memory, of each class as large a share. */
function sampleOf(data: LabelledFeatures, seed: number): LabelledFeatures {
  const parts = Math.ceil(data.features.count / CHOOSING_ROWS)
  const part = assignFolds(data.labels, parts, seededRandom(seed + 1))
  const rows: Float32Array[] = []
  let index = 0
  for (const row of rowsOf(data.features)) if (part[index++] === 0) rows.push(row.slice())
  return { ...data, features: featuresOf(rows), labels: data.labels.filter((_label, row) => part[row] === 0) }
}
