import { type Interval, wilson } from "./wilson.ts"

/** What a model said of an image whose class is known. `predicted` is null for a class that is not asked about. */
export type Judged = { label: number; predicted: number | null; inTop5: boolean; probability: number }

export type ClassScore = {
  pictures: number
  right: number
  /** Named as a class that is not asked about. */
  other: number
  /** Null when no image was named so. */
  precision: number | null
  /** Null when there is no image of the class. */
  recall: Interval | null
  f1: number | null
}

/** Answers of about the same probability, and how many of them are right. */
export type CalibrationBin = { from: number; to: number; pictures: number; probability: number; accuracy: number }

export type Evaluation = {
  pictures: number
  top1: Interval
  top5: Interval
  perClass: ClassScore[]
  /** By class, then by what it was named; answers outside the classes are in `other`. */
  confusion: number[][]
  calibration: { error: number; bins: CalibrationBin[] }
}

/** Scores of a model's answers. Classes are counted from 0. */
export function evaluateAnswers(answers: readonly Judged[], classes: number): Evaluation {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  const other = new Array<number>(classes).fill(0)
  for (const { label, predicted } of answers) {
    if (predicted === null) other[label] = (other[label] ?? 0) + 1
    else (confusion[label] as number[])[predicted] = (confusion[label]?.[predicted] ?? 0) + 1
  }
  const perClass = confusion.map((row, label) => {
    const named = sum(confusion.map((one) => one[label] ?? 0))
    return scoreOf({
      right: row[label] ?? 0,
      named,
      other: other[label] ?? 0,
      pictures: sum(row) + (other[label] ?? 0),
    })
  })
  const right = answers.filter(isRight).length
  return {
    pictures: answers.length,
    top1: wilson(right, answers.length),
    top5: wilson(answers.filter(({ inTop5 }) => inTop5).length, answers.length),
    perClass,
    confusion,
    calibration: calibrationOf(answers),
  }
}

export const isRight = ({ label, predicted }: Judged) => label === predicted

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0)

type Counts = { right: number; named: number; other: number; pictures: number }

function scoreOf({ right, named, other, pictures }: Counts): ClassScore {
  return {
    pictures,
    right,
    other,
    precision: named === 0 ? null : right / named,
    recall: pictures === 0 ? null : wilson(right, pictures),
    f1: named + pictures === 0 ? null : (2 * right) / (named + pictures),
  }
}

const BINS = 10

/** The expected calibration error, with ten bins of equal width (Guo et al. 2017): 0 when of answers of 80 % four in five are right. */
function calibrationOf(answers: readonly Judged[]): Evaluation["calibration"] {
  const binOf = ({ probability }: Judged) => Math.min(BINS - 1, Math.floor(probability * BINS))
  const bins = Array.from({ length: BINS }, (_, index) => {
    const own = answers.filter((answer) => binOf(answer) === index)
    const mean = (values: number[]) => (own.length === 0 ? 0 : sum(values) / own.length)
    return {
      from: index / BINS,
      to: (index + 1) / BINS,
      pictures: own.length,
      probability: mean(own.map(({ probability }) => probability)),
      accuracy: mean(own.map((answer) => Number(isRight(answer)))),
    }
  }).filter(({ pictures }) => pictures > 0)
  const gaps = bins.map(({ pictures, probability, accuracy }) => pictures * Math.abs(probability - accuracy))
  return { error: answers.length === 0 ? 0 : sum(gaps) / answers.length, bins }
}
