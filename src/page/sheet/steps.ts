import { failureOf, haltOf, isDone, type Picture } from "../album/picture.ts"
import { element } from "../browser/element.ts"
import { humanMs, placeWords } from "./sentences.ts"

const STEPS = ["Sent", "Queued", "In work", "Done"] as const

/** The steps of a ticket; the current one has details. */
export function renderSteps(picture: Picture): HTMLOListElement {
  const { progress } = picture
  const status = progress.phase === "ticket" ? progress.ticket.status : null
  const failed = failureOf(picture) !== null
  const at = isDone(picture) ? 3 : status === "processing" ? 2 : status === "queued" ? 1 : 0
  const last = failed ? (failureOf(picture)?.code === "canceled" ? "Canceled" : "Failed") : "Done"
  const reached = reachedBeforeFailure(picture)
  const items = STEPS.map((name, i) => {
    const isNow = i === at
    const isPast = failed ? i <= reached : i < at || (isNow && at === 3)
    const state = failed && i === 3 ? "bad" : isPast ? "past" : isNow ? "now" : "next"
    return element(
      "li",
      { class: state, ...(isNow && { "aria-current": "step" }) },
      element("span", { class: "step" }, i === 0 && at === 0 ? sendingWord(picture) : i === 3 ? last : name),
      isNow && element("span", { class: "more" }, moreOf(picture)),
    )
  })
  return element("ol", { class: "steps", "aria-label": "Progress" }, ...items)
}

function reachedBeforeFailure({ progress }: Picture): number {
  const ticket = progress.phase === "ticket" || progress.phase === "refused" ? progress.ticket : undefined
  return ticket === undefined ? 0 : ticket.started_at === undefined ? 1 : 2
}

function sendingWord({ progress, needsKey }: Picture): string {
  return progress.phase === "uploading" && needsKey !== true ? "Sending" : "Waiting"
}

function moreOf({ progress, needsKey }: Picture): string {
  if (progress.phase !== "ticket") return needsKey === true ? "for your key" : ""
  const { status, queue, timings_ms: timings, cached, done } = progress.ticket
  if (done) return cached === true ? "known already" : timings === undefined ? "" : `in ${humanMs(timings.total)}`
  if (needsKey === true) return "waiting for your key"
  const halt = haltOf(progress.ticket)
  if (halt !== null) return halt === "paused" ? halt : `${halt} serves the model`
  const eta = queue?.eta_ms == null ? "" : `about ${humanMs(Math.max(queue.eta_ms, 100))}`
  return status === "queued" && queue?.position != null
    ? [placeWords(queue.position), eta].filter(Boolean).join(", ")
    : ""
}
