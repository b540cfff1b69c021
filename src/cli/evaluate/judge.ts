import { type Evaluation, evaluateAnswers, type Judged } from "../../lib/training/evaluation.ts"
import { mcnemar } from "../../lib/training/mcnemar.ts"
import { type Answer, type Matched, sameCase } from "./ask-model.ts"

/** An image, what it was named, and how sure the model was. */
export type JudgedImage = Judged & { file: string; named: string }

/** Of the images that both models were asked about: how many only one of them was right about. */
export type Comparison = {
  model: string
  version: string
  pictures: number
  top1: number
  otherTop1: number
  onlyFirst: number
  onlyOther: number
  p: number
}

export type Evaluated = {
  model: string
  version: string
  labels: string[]
  evaluation: Evaluation
  images: JudgedImage[]
  skipped: number
  unlabelled: string[]
  /** Answers that say "none of these"; their first prediction counts all the same. */
  unknown: number
  comparison?: Comparison
}

/** The first prediction is what the image shows. */
export const isFirstRight = ({ expected, predictions }: Answer) => isOf(predictions[0], expected)
const isOf = (prediction: Answer["predictions"][number] | undefined, label: string) =>
  prediction !== undefined && sameCase(prediction.label) === sameCase(label)

/** What a model's answers come to. */
export function judge({ id, version, classes, unlabelled }: Matched, answers: readonly Answer[]) {
  const indexes = new Map(classes.map(({ label }, index) => [sameCase(label), index]))
  const images = answers.map(({ file, expected, predictions }): JudgedImage => {
    const [first] = predictions
    return {
      file,
      named: first?.label ?? "nothing",
      label: indexes.get(sameCase(expected)) ?? 0,
      predicted: first === undefined ? null : (indexes.get(sameCase(first.label)) ?? null),
      inTop5: predictions.some((prediction) => isOf(prediction, expected)),
      probability: first?.probability ?? 0,
    }
  })
  return {
    model: id,
    version,
    labels: classes.map(({ label }) => label),
    images,
    evaluation: evaluateAnswers(images, classes.length),
    unlabelled,
    unknown: answers.filter(({ isUnknown }) => isUnknown).length,
  }
}

/** Two models by the images that both were asked about. */
export function compare(answers: readonly Answer[], others: readonly Answer[], { id, version }: Matched): Comparison {
  const byFile = new Map(others.map((answer) => [answer.file, isFirstRight(answer)]))
  const pairs = answers.flatMap((answer) => {
    const other = byFile.get(answer.file)
    return other === undefined ? [] : [{ first: isFirstRight(answer), other }]
  })
  const count = (test: (pair: { first: boolean; other: boolean }) => boolean) => pairs.filter(test).length
  const share = (right: number) => (pairs.length === 0 ? 0 : right / pairs.length)
  const [onlyFirst, onlyOther] = [
    count((pair) => pair.first && !pair.other),
    count((pair) => pair.other && !pair.first),
  ]
  return {
    model: id,
    version,
    pictures: pairs.length,
    top1: share(count(({ first }) => first)),
    otherTop1: share(count(({ other }) => other)),
    onlyFirst,
    onlyOther,
    p: mcnemar(onlyFirst, onlyOther),
  }
}
