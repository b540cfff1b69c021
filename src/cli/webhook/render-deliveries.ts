import { type Deliveries, receiverOf } from "../../lib/webhooks/delivery.ts"
import { humanMs } from "../terminal/human-units.ts"
import type { Paint, Style } from "../terminal/terminal.ts"
import { renderTable } from "../terminal/text-table.ts"

type View = { paint: Paint; nowMs: number }
type Delivery = Deliveries["deliveries"][number]

const STATE: Record<Delivery["state"], [sentence: string, Style]> = {
  pending: ["on its way", "cyan"],
  delivered: ["delivered", "green"],
  gone: ["the receiver wants no more", "yellow"],
  given_up: ["given up", "red"],
}

/** The webhook attempts of a ticket, one per line. */
export function renderDeliveries(ticketId: string, { url, deliveries }: Deliveries, { paint, nowMs }: View): string {
  // Path and query may contain secrets.
  const heading = `${paint("bold", ticketId)}  to ${receiverOf(url)}`
  if (deliveries.length === 0) return `${heading}\n  It is sent when the ticket is done.`
  return [heading, ...deliveries.map((delivery) => renderDelivery(delivery, { paint, nowMs }))].join("\n\n")
}

function renderDelivery({ id, type, state, attempts, next_attempt_at }: Delivery, { paint, nowMs }: View): string {
  const [sentence, style] = STATE[state]
  const rows = attempts.map(({ at, duration_ms, status, error }) => [
    at,
    `${humanMs(Math.max(0, nowMs - Date.parse(at)))} ago`,
    String(status ?? "–"),
    humanMs(duration_ms),
    error === undefined ? "" : `${error.message} (${error.code})`,
  ])
  const table = renderTable([["attempt", "", "status", "took", ""], ...rows], paint, { right: [1, 2, 3] })
  const lines = [`${type}  ${paint(style, sentence)}  ${paint("dim", id)}`]
  if (attempts.length > 0) lines.push(...table.split("\n"))
  if (next_attempt_at !== null) lines.push(`next try ${nextText(Date.parse(next_attempt_at) - nowMs)}`)
  return lines.map((line) => `  ${line}`.trimEnd()).join("\n")
}

function nextText(inMs: number): string {
  return inMs <= 0 ? "now" : `in ${humanMs(inMs)}`
}
