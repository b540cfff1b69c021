import { countOf } from "../terminal/human-units.ts"
import { percent } from "../terminal/prediction-table.ts"
import type { Evaluated, JudgedImage } from "./judge.ts"
import { comparisonText, intervalText, wrongImages } from "./render-evaluation.ts"

/** A small copy of an image, null when it cannot be made, and where the image is. */
export type Shown = { source: string | null; link: string }

type Cell = { label: number; predicted: number | null; count: number; images: JudgedImage[] }

/** Images of a cell that the page shows; the others are counted. */
const MAX_WRONG = 100
const MAX_RIGHT = 24
/** A larger matrix cannot be read; its cells follow all the same. */
const MAX_CLASSES = 60

/** The cells of the matrix that have images: wrong ones first, the fullest first, their images the surest first. */
export function cellsOf({ images }: Pick<Evaluated, "images">): Cell[] {
  const cells = new Map<string, JudgedImage[]>()
  for (const image of images) {
    const own = cells.get(idOf(image)) ?? []
    own.push(image)
    cells.set(idOf(image), own)
  }
  const isWrong = ({ label, predicted }: Pick<Cell, "label" | "predicted">) => Number(label !== predicted)
  return [...cells.values()]
    .flatMap((own) => {
      const [first] = own.sort((a, b) => b.probability - a.probability)
      if (first === undefined) return []
      const { label, predicted } = first
      return [{ label, predicted, count: own.length, images: own.slice(0, isWrong(first) ? MAX_WRONG : MAX_RIGHT) }]
    })
    .sort((a, b) => isWrong(b) - isWrong(a) || b.count - a.count)
}

const idOf = ({ label, predicted }: Pick<Cell, "label" | "predicted">) => `c${label}-${predicted ?? "other"}`

/** An evaluation as a page of its own, without scripts. */
export function renderReport(evaluated: Evaluated, shown: ReadonlyMap<JudgedImage, Shown>): string {
  const { model, version, labels, evaluation, skipped, unlabelled, unknown, comparison } = evaluated
  const { pictures, top1, top5, calibration } = evaluation
  const facts = [
    `${countOf(pictures, "image")}, ${wrongImages(evaluated).length} wrong`,
    skipped > 0 && `${countOf(skipped, "image")} skipped`,
    unlabelled.length > 0 && `no such label: ${unlabelled.join(", ")}`,
    unknown > 0 && `${unknown} answered “none of these”`,
  ]
  const sections = cellsOf(evaluated).map((cell) => section(cell, labels, shown))
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${text(model)}: ${percent(top1.value)}</title>
<style>${STYLE}</style>
<h1>${text(model)} <small>${text(version)}</small></h1>
<p>${text(facts.filter(Boolean).join(" · "))}</p>
<p>Right at first: <b>${text(intervalText(top1))}</b><br>
Right among the first five: ${text(intervalText(top5))}</p>
${comparison === undefined ? "" : `<p>${text(comparisonText(comparison, model))}</p>`}
<h2>What was taken for what</h2>
${labels.length > MAX_CLASSES ? `<p>A matrix of ${labels.length} classes is too large to read.</p>` : matrix(evaluated)}
<h2>Images</h2>
<p>Wrong ones first, the surest first; a number in the diagonal of the matrix opens those that are right.</p>
${sections.join("\n")}
<h2>Classes</h2>
${classes(evaluated)}
<h2>Can its probabilities be believed?</h2>
<p>Calibration error ${percent(calibration.error)}: how far, on average, the probability of the first prediction is from the share that is right.</p>
${table(
  ["probability", "images", "on average", "right"],
  calibration.bins.map(({ from, to, pictures, probability, accuracy }) => {
    return [`${percent(from)} to ${percent(to)}`, String(pictures), percent(probability), percent(accuracy)]
  }),
)}
</html>
`
}

function matrix({ labels, evaluation }: Evaluated): string {
  const { confusion, perClass } = evaluation
  const hasOthers = perClass.some(({ other }) => other > 0)
  const heading = [...labels, ...(hasOthers ? ["other labels"] : [])].map(
    (label) => `<th scope="col"><span>${text(label)}</span></th>`,
  )
  const rows = confusion.map((row, label) => {
    const { pictures = 0, other = 0 } = perClass[label] ?? {}
    const cells = row.map((count, predicted) => matrixCell({ label, predicted, count }, pictures))
    if (hasOthers) cells.push(matrixCell({ label, predicted: null, count: other }, pictures))
    return `<tr><th scope="row">${text(labels[label] ?? "")}</th>${cells.join("")}</tr>`
  })
  const caption = "Rows: what the images show. Columns: what the model named them."
  return `<p>${caption}</p><div class="wide"><table class="matrix"><tr><td></td>${heading.join("")}</tr>
${rows.join("\n")}</table></div>`
}

function matrixCell({ label, predicted, count }: Omit<Cell, "images">, pictures: number): string {
  if (count === 0) return "<td></td>"
  const kind = label === predicted ? "right" : "wrong"
  const share = Math.round(15 + (70 * count) / pictures)
  return `<td class="${kind}" style="--share:${share}%"><a href="#${idOf({ label, predicted })}">${count}</a></td>`
}

function section(
  { label, predicted, count, images }: Cell,
  labels: readonly string[],
  shown: ReadonlyMap<JudgedImage, Shown>,
) {
  const is = text(labels[label] ?? "")
  const kind = label === predicted ? "right" : "wrong"
  const named = predicted === null ? "another label" : text(labels[predicted] ?? "")
  const more = count > images.length ? `<p>and ${countOf(count - images.length, "more image")}</p>` : ""
  const figures = images.map((image) => figure(image, shown.get(image)))
  return `<section id="${idOf({ label, predicted })}" class="${kind}"><h3>${kind === "right" ? `${is}, named so` : `${is}, named ${named}`} <small>${count}</small></h3>
<div class="images">${figures.join("\n")}</div>${more}</section>`
}

function figure({ file, named, probability }: JudgedImage, shown: Shown | undefined): string {
  const { source = null, link = "" } = shown ?? {}
  const image = source === null ? "no preview" : `<img src="${source}" alt="">`
  return `<figure><a href="${text(link)}" title="${text(file)}">${image}</a><figcaption>${percent(probability)} ${text(named)}</figcaption></figure>`
}

function classes({ labels, evaluation }: Evaluated): string {
  const shown = (share: number | null | undefined) => (share == null ? "–" : percent(share))
  const rows = evaluation.perClass.map(({ pictures, precision, recall, f1 }, index) => {
    const range = recall === null ? "–" : `${percent(recall.low)} to ${percent(recall.high)}`
    return [labels[index] ?? "", String(pictures), shown(precision), shown(recall?.value), range, shown(f1)]
  })
  return table(["class", "images", "precision", "recall", "95% interval of recall", "F1"], rows)
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${text(cell)}</${tag}>`).join("")}</tr>`
  return `<div class="wide"><table>${line(heading, "th")}${rows.map((row) => line(row, "td")).join("\n")}</table></div>`
}

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }
const text = (words: string) => words.replace(/[&<>"']/g, (letter) => ESCAPES[letter] ?? letter)

const STYLE = `
:root { font: 16px/1.5 system-ui, sans-serif; color-scheme: light dark; --good: #2a9d5c; --bad: #d64545 }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 small, h3 small, figcaption { color: color-mix(in srgb, CanvasText 65%, Canvas); font-weight: normal }
h1 small { font-size: 1rem } h2 { margin-top: 2.5rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .75rem; text-align: right } th:first-child, td:first-child { text-align: left }
.matrix td { padding: 0; min-width: 3rem; text-align: center; border: 1px solid color-mix(in srgb, CanvasText 15%, Canvas) }
.matrix th[scope=col] { font-weight: normal; text-align: center } .matrix a { display: block; padding: .4rem; color: inherit }
.right[style] { background: color-mix(in srgb, var(--good) var(--share), Canvas) }
.wrong[style] { background: color-mix(in srgb, var(--bad) var(--share), Canvas) }
.images { display: flex; flex-wrap: wrap; gap: .75rem } figure { margin: 0; width: 120px; font-size: .8rem; overflow-wrap: anywhere }
figure a { display: grid; place-items: center; height: 120px; background: color-mix(in srgb, CanvasText 6%, Canvas) }
section.right { display: none } section.right:target { display: block }
section:target h3 { text-decoration: underline; text-decoration-color: var(--bad) } section.right:target h3 { text-decoration-color: var(--good) }
`
