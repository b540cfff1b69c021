import { rowsOf } from "./features.ts"
import { balancedWeights, type FitOptions, fitHead, type LabelledFeatures } from "./fit-head.ts"
import { bestOf, type Head, scoreRow, toProbabilities } from "./head.ts"

/** What heads said of rows that they had not learned from. */
export type Answers = {
  /** The mean of minus the logarithm of the right class's probability, each class counting the same. */
  loss: number
  /** Of each row the class that was said, -1 where none was asked; and its probability. */
  said: Int32Array
  probability: Float64Array
}

/** The fold of each row: each class is spread over all of them. */
export function assignFolds(labels: Int32Array, folds: number, random: () => number): Uint16Array {
  const order = Array.from(labels, (label, row) => ({ label, row, place: random() }))
  order.sort((a, b) => a.label - b.label || a.place - b.place || a.row - b.row)
  const assigned = new Uint16Array(labels.length)
  for (const [index, { row }] of order.entries()) assigned[row] = index % folds
  return assigned
}

type Validation = Omit<FitOptions, "weights" | "start"> & {
  fold: Uint16Array
  folds: number
  /** Where each fold's fit ended the last time; filled here. */
  starts: Float64Array[]
}

/** Fits each fold's head on the other folds, and asks it for its own. */
export async function crossValidate(data: LabelledFeatures, options: Validation): Promise<Answers> {
  const { labels, classes } = data
  const { fold, folds, starts, ...fit } = options
  const answers = noAnswers(labels.length)
  for (let own = 0; own < folds; own++) {
    const weights = balancedWeights(labels, classes, (row) => fold[row] !== own)
    const { head, point } = await fitHead(data, { ...fit, weights, start: starts[own] })
    starts[own] = point
    ask(head, data, { answers, asks: (row) => fold[row] === own })
  }
  return answers
}

/** What a head says of rows. */
export function askAll(head: Head, data: Omit<LabelledFeatures, "scaling">): Answers {
  const answers = noAnswers(data.labels.length)
  ask(head, data, { answers, asks: () => true })
  return answers
}

export function countRight({ said }: Answers, labels: Int32Array): number {
  return said.reduce((right, label, row) => right + Number(label === labels[row]), 0)
}

type Question = { answers: Answers; asks: (row: number) => boolean }

function ask(
  head: Head,
  { features, labels, classes }: Omit<LabelledFeatures, "scaling">,
  { answers, asks }: Question,
) {
  const scores = new Float64Array(classes)
  const weights = balancedWeights(labels, classes, () => true)
  let index = -1
  for (const row of rowsOf(features)) {
    index++
    if (!asks(index)) continue
    scoreRow(head, row, scores)
    const score = scores[labels[index] ?? 0] ?? 0
    answers.loss += (weights[index] ?? 0) * (toProbabilities(scores) - score)
    const best = bestOf(scores)
    answers.said[index] = best.index
    answers.probability[index] = best.probability
  }
}

function noAnswers(count: number): Answers {
  return { loss: 0, said: new Int32Array(count).fill(-1), probability: new Float64Array(count) }
}
