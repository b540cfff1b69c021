import { type DeliveryEvent, receiverOf, toDeliveries, webhookEventOf } from "../../lib/webhooks/delivery.ts"
import { jobIdOfEvent, type Outbox, type Undelivered } from "../../lib/webhooks/outbox.ts"
import { countOf, humanMs } from "../terminal/human-units.ts"
import type { Paint } from "../terminal/terminal.ts"
import { renderTable } from "../terminal/text-table.ts"

const PAGE = 100

/** More than this of one receiver are left for the next run. */
const MAX_RETRIED = 100_000

export type AllUndelivered = { retried: string[]; over: string[] }

/** The events that were not delivered, each once: those that are tried again, and those that are not. */
export async function allUndelivered(
  outbox: Pick<Outbox, "listRetried" | "listUndelivered" | "countUndelivered">,
): Promise<AllUndelivered> {
  const retried = (await outbox.listRetried({ count: MAX_RETRIED })).map(({ eventId }) => eventId)
  const ids = new Set<string>()
  // A page may be short in the middle: events whose record has expired are left out of it.
  for (let offset = 0; offset < (await outbox.countUndelivered()); offset += PAGE) {
    for (const { eventId } of await outbox.listUndelivered({ offset, count: PAGE })) ids.add(eventId)
  }
  return { retried, over: [...ids] }
}

/** "3 webhooks (2 between tries, 1 given up)" */
export function countWebhooks({ retried, over }: AllUndelivered): string {
  const parts = [retried.length > 0 && `${retried.length} between tries`, over.length > 0 && `${over.length} given up`]
  return `${countOf(retried.length + over.length, "webhook")} (${parts.filter(Boolean).join(", ")})`
}

export type ResendSummary = { resent: string[]; missing: string[] }

/** Sends events again, each at once and with a fresh schedule, the oldest first. */
export async function resendEvents(
  outbox: Pick<Outbox, "resend">,
  eventIds: readonly string[],
  nowMs: number,
): Promise<ResendSummary> {
  const summary: ResendSummary = { resent: [], missing: [] }
  for (const eventId of eventIds.toReversed()) {
    const jobId = jobIdOfEvent(eventId)
    const delivery = jobId === "" ? null : await outbox.resend(jobId, { nowMs, eventId })
    if (delivery === null) summary.missing.push(eventId)
    else summary.resent.push(eventId)
  }
  return summary
}

export type DropSummary = { dropped: string[]; missing: string[] }

export async function dropEvents(
  outbox: Pick<Outbox, "dropUndelivered">,
  eventIds: readonly string[],
): Promise<DropSummary> {
  const summary: DropSummary = { dropped: [], missing: [] }
  for (const id of eventIds) ((await outbox.dropUndelivered(id)) ? summary.dropped : summary.missing).push(id)
  return summary
}

/** One line an event. Of the URL only the origin is told: path and query can hold a secret. */
export function renderUndelivered(
  undelivered: readonly Undelivered[],
  { paint, nowMs }: { paint: Paint; nowMs: number },
): string {
  const rows = undelivered.map(({ eventId, sinceMs, delivery, event }) => [
    eventId,
    receiverOf(delivery.url),
    `${humanMs(Math.max(0, nowMs - sinceMs))} ago`,
    lastAnswer(event),
    nextTry(event, nowMs),
    webhookEventOf(event).data.id,
  ])
  return renderTable([["event", "receiver", "since", "last answer", "next try", "ticket"], ...rows], paint, {
    right: [2],
  })
}

/** One of them for scripts, as the edge shows a delivery. */
export function undeliveredJson({ sinceMs, delivery, event }: Undelivered): string {
  const [shown] = toDeliveries({ url: delivery.url, events: [event] }).deliveries
  return JSON.stringify({
    ...shown,
    ticket_id: webhookEventOf(event).data.id,
    caller: delivery.caller,
    receiver: receiverOf(delivery.url),
    since: new Date(sinceMs).toISOString(),
  })
}

function nextTry({ state, dueMs }: Pick<DeliveryEvent, "state" | "dueMs">, nowMs: number): string {
  if (state !== "pending" || dueMs === undefined) return state === "gone" ? "none" : "given up"
  return dueMs <= nowMs ? "now" : `in ${humanMs(dueMs - nowMs)}`
}

/** The status of the last try, or why there was none. */
function lastAnswer({ attempts, state }: Pick<DeliveryEvent, "attempts" | "state">): string {
  const last = attempts.at(-1)
  const answer = last?.status ?? last?.error?.code ?? "–"
  return state === "gone" ? `${answer}, wants no more` : String(answer)
}
