import type { TicketData } from "../../lib/client/claimcheck.ts"
import { outputText, pictureText } from "../operations/picture-text.ts"
import { humanMs, noticeText } from "../terminal/human-units.ts"
import { renderPredictions } from "../terminal/prediction-table.ts"
import type { Paint, Style } from "../terminal/terminal.ts"

const COLOUR: Record<string, Style> = { succeeded: "green", failed: "red", canceled: "yellow" }

type View = { paint: Paint; columns?: number; nowMs: number }

/** A ticket: its result, or its progress. */
export function renderTicket(ticket: TicketData, { paint, columns = 80, nowMs }: View): string {
  const attempts = attemptRows(ticket).map(([name, value]) => `  ${paint("dim", name)} ${value}`)
  if (ticket.status === "succeeded" && ticket.operation === "classify")
    return [renderPredictions(ticket.id, ticket, { paint, columns }), ...attempts].join("\n")
  const heading = `${paint("bold", ticket.id)}  ${paint(COLOUR[ticket.status] ?? "cyan", ticket.status)}`
  const rows = facts(ticket, nowMs).filter((row): row is [string, string] => row[1] !== undefined)
  return [heading, ...rows.map(([name, value]) => `  ${paint("dim", name.padEnd(8))}  ${value}`), ...attempts].join(
    "\n",
  )
}

function attemptRows({ attempt_history = [] }: TicketData): [string, string][] {
  return attempt_history.map(({ attempt, started_at, ended_at, classifier, reason = "succeeded" }) => {
    const took = humanMs(Math.max(0, Date.parse(ended_at) - Date.parse(started_at)))
    return [`attempt ${attempt}`, `${reason} (${took}, ${classifier})`]
  })
}

function facts(
  { queue, error, model, attempts, attempt_history, image, output, ...ticket }: TicketData,
  nowMs: number,
): [string, string | undefined][] {
  const ago = (instant: string | undefined) =>
    instant === undefined ? undefined : `${humanMs(Math.max(0, nowMs - Date.parse(instant)))} ago`
  return [
    ["reason", error && `${error.message} (${error.code})`],
    ["place", queue?.position == null ? undefined : placeText(queue.position)],
    ["answer", queue?.notice === undefined && queue?.eta_ms != null ? `in about ${humanMs(queue.eta_ms)}` : undefined],
    ["note", queue?.notice && noticeText(queue.notice)],
    ["retry", queue?.retry_at && `in ${humanMs(Math.max(0, Date.parse(queue.retry_at) - nowMs))}`],
    ["image", ticket.done && image ? pictureText(image) : undefined],
    ["output", output && outputText(output, image)],
    ["url", output?.url],
    ["model", model?.id],
    ["retry of", ticket.retry_of],
    ["created", ago(ticket.created_at)],
    ["started", ago(ticket.started_at)],
    ["finished", ago(ticket.finished_at)],
    ["attempts", attempts > 1 && !attempt_history ? String(attempts) : undefined],
  ]
}

function placeText(position: number): string {
  return position === 0 ? "next" : `${position.toLocaleString("en-US")} before it`
}
