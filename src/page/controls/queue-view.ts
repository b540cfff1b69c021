import type { QueueStats } from "../../lib/queue/queue-stats.ts"
import { byId } from "../browser/element.ts"
import { countOf } from "../sheet/sentences.ts"

/** Number of samples in the chart. */
const KEPT = 60

/** The state of the queue: figures, a chart of its depth, and a word at the top of the page. */
export class QueueView {
  readonly #depths: number[] = []

  show(stats: QueueStats): void {
    const rate = stats.models.reduce((sum, { per_second }) => sum + per_second, 0)
    byId("figure-depth").textContent = stats.depth.toLocaleString("en")
    byId("figure-processing").textContent = stats.processing.toLocaleString("en")
    byId("figure-rate").textContent = rate.toFixed(rate < 10 ? 1 : 0)
    byId("figure-classifiers").textContent = String(stats.classifiers)
    byId("figure-classifiers-name").textContent = stats.classifiers === 1 ? "classifier" : "classifiers"
    byId("queue-note").textContent = noteOf(stats)
    const pulse = byId("pulse")
    pulse.textContent = pulseOf(stats)
    pulse.dataset.state = stats.paused || stats.classifiers === 0 ? "bad" : stats.depth > 0 ? "busy" : "good"
    this.#depths.push(stats.depth)
    if (this.#depths.length > KEPT) this.#depths.shift()
    drawLine(this.#depths)
  }

  showAway(): void {
    byId("queue-note").textContent = "The queue cannot be reached."
    const pulse = byId("pulse")
    pulse.textContent = "unreachable"
    pulse.dataset.state = "bad"
  }
}

function noteOf({ paused, classifiers, dead, models, others }: QueueStats): string {
  const unserved = [...models, ...others].filter((one) => one.depth > 0 && one.classifiers === 0)
  const notes = [
    paused && "The queue is paused. Pictures wait until it is resumed.",
    !paused && classifiers === 0 && "No classifier is running. Pictures wait until one starts.",
    ...unserved.map(
      ({ id, depth }) => classifiers > 0 && `No classifier serves ${id}: ${depth.toLocaleString("en")} waiting.`,
    ),
    ...models.map(({ id, paused }) => paused && `${id} is paused.`),
    dead > 0 && `${countOf(dead, "picture")} used up all attempts.`,
  ]
  return notes.filter(Boolean).join(" ")
}

function pulseOf({ paused, classifiers, depth, processing }: QueueStats): string {
  if (paused) return "paused"
  if (classifiers === 0) return "no classifier"
  const busy = depth + processing
  return busy === 0 ? "idle" : `${busy.toLocaleString("en")} in the queue`
}

function drawLine(depths: readonly number[]): void {
  const max = Math.max(4, ...depths)
  const points = depths.map((depth, i) => {
    const x = 240 - ((depths.length - 1 - i) / (KEPT - 1)) * 240
    return `${x.toFixed(1)} ${(38 - (depth / max) * 36).toFixed(1)}`
  })
  const first = points[0]?.split(" ")[0] ?? "240"
  const line = points.length < 2 ? "" : `M${points.join("L")}`
  document.querySelector(".spark-line")?.setAttribute("d", line)
  document.querySelector(".spark-area")?.setAttribute("d", line && `${line}L240 40L${first} 40Z`)
}
