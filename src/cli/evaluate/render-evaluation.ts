import { isRight } from "../../lib/training/evaluation.ts"
import type { Interval } from "../../lib/training/wilson.ts"
import { countOf } from "../terminal/human-units.ts"
import { percent } from "../terminal/prediction-table.ts"
import type { Paint } from "../terminal/terminal.ts"
import { renderTable } from "../terminal/text-table.ts"
import type { Comparison, Evaluated } from "./judge.ts"

const MAX_WRONG = 10
const MAX_LABEL = 24

/** For --json. */
export function toJson({ model, version, labels, evaluation, comparison, ...counts }: Evaluated) {
  const { pictures, top1, top5, perClass, confusion, calibration } = evaluation
  const { skipped, unlabelled, unknown } = counts
  return {
    ...{ model, version, pictures, skipped, unlabelled, unknown, top1, top5 },
    per_class: perClass.map((score, index) => ({ label: labels[index], ...score })),
    confusion,
    calibration,
    ...(comparison && { compare: comparisonJson(comparison) }),
  }
}

function comparisonJson({ otherTop1, onlyFirst, onlyOther, ...rest }: Comparison) {
  return { ...rest, other_top1: otherTop1, only_first: onlyFirst, only_other: onlyOther }
}

/** The images that the model is wrong about, the surest first. */
export function wrongImages({ images }: Pick<Evaluated, "images">) {
  return images.filter((image) => !isRight(image)).sort((a, b) => b.probability - a.probability)
}

/** "77.0% (95% interval 67.8% to 84.2%)" */
export function intervalText({ value, low, high }: Interval): string {
  return `${percent(value)} (95% interval ${percent(low)} to ${percent(high)})`
}

/** What is said of two models. */
export function comparisonText({ model, ...numbers }: Comparison, first: string): string {
  const { pictures, top1, otherTop1, onlyFirst, onlyOther, p } = numbers
  const shares = `${countOf(pictures, "image")}: ${first} ${percent(top1)}, ${model} ${percent(otherTop1)}`
  const verdict = p < 0.05 ? "more than luck" : "the difference may be luck"
  return `${shares}; only ${first} right ${onlyFirst}, only ${model} right ${onlyOther}; McNemar p = ${p.toFixed(3)}: ${verdict}`
}

/** What the terminal shows: the images that went wrong, each class, and what was taken for what. */
export function renderEvaluation(evaluated: Evaluated, { paint, columns }: { paint: Paint; columns: number }): string {
  const { model, version, labels, evaluation, skipped, unknown, comparison } = evaluated
  const { pictures, top1, top5, calibration } = evaluation
  const facts = [
    countOf(pictures, "image"),
    skipped > 0 && `${skipped} skipped`,
    unknown > 0 && `${unknown} "none of these"`,
  ]
  const matrix = renderMatrix(evaluated, paint)
  const parts = [
    [
      `${paint("bold", model)} ${paint("dim", version)}  ${facts.filter(Boolean).join(", ")}`,
      `top-1 ${intervalText(top1)}`,
      // With five classes or fewer, each answer would have the right one.
      labels.length > 5 || top5.value < 1 ? `top-5 ${intervalText(top5)}` : "",
      `calibration error ${percent(calibration.error)}`,
      comparison === undefined ? "" : comparisonText(comparison, model),
    ]
      .filter(Boolean)
      .join("\n"),
    renderWrong(evaluated, paint),
    renderClasses(evaluated, paint),
    Math.max(...matrix.split("\n").map((line) => line.length)) > columns && labels.length > 5 ? "" : matrix,
  ]
  return parts.filter(Boolean).join("\n\n")
}

function renderWrong(evaluated: Evaluated, paint: Paint): string {
  const wrong = wrongImages(evaluated)
  if (wrong.length === 0) return ""
  const rows = wrong.slice(0, MAX_WRONG).map(({ file, label, named, probability }) => {
    return [percent(probability), short(evaluated.labels[label] ?? ""), short(named), file]
  })
  const more =
    wrong.length > MAX_WRONG ? `\n${paint("dim", `and ${countOf(wrong.length - MAX_WRONG, "more wrong image")}`)}` : ""
  return renderTable([["sure", "is", "named", "file"], ...rows], paint, { right: [0] }) + more
}

function renderClasses({ labels, evaluation }: Evaluated, paint: Paint): string {
  const shown = (share: number | null | undefined) => (share == null ? "–" : percent(share))
  const rows = evaluation.perClass.map(({ pictures, precision, recall, f1 }, index) => {
    return [short(labels[index] ?? ""), String(pictures), shown(precision), shown(recall?.value), shown(f1)]
  })
  return renderTable([["class", "images", "precision", "recall", "F1"], ...rows], paint, { right: [1, 2, 3, 4] })
}

function renderMatrix({ labels, evaluation }: Evaluated, paint: Paint): string {
  const { confusion, perClass } = evaluation
  const hasOthers = perClass.some(({ other }) => other > 0)
  const heading = ["is \\ named", ...labels.map(short), ...(hasOthers ? ["other"] : [])]
  const rows = confusion.map((row, index) => {
    const others = hasOthers ? [perClass[index]?.other ?? 0] : []
    return [short(labels[index] ?? ""), ...[...row, ...others].map((count) => (count === 0 ? "·" : String(count)))]
  })
  return renderTable([heading, ...rows], paint, { right: heading.map((_, index) => index).slice(1) })
}

const short = (label: string) =>
  [...label].length > MAX_LABEL ? `${[...label].slice(0, MAX_LABEL - 1).join("")}…` : label
