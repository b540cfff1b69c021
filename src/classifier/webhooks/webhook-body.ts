import type { BatchTicket } from "../../lib/batches/batch-ticket.ts"
import { type DeliveryEvent, type Told, tellEvent } from "../../lib/delivery.ts"
import type { Ticket } from "../../lib/ticket.ts"

/** The specification asks for less than 20 kB. */
const MAX_BODY_BYTES = 20_000

export type WebhookBody = {
  type: Told["type"]
  /** When it happened, whenever this is sent. */
  timestamp: string
  /**
   * The ticket without `scores`; `predictions_omitted` says how many of the least probable ones did not fit. Of a batch the counts
   * and a link.
   */
  data: (Omit<Ticket, "scores"> & { predictions_omitted?: number }) | BatchTicket
}

/** What is sent for an event, byte for byte the same at every attempt. */
export function webhookBody(event: DeliveryEvent): string {
  const told = tellEvent(event)
  const data = "results_url" in told.data ? told.data : withoutScores(told.data)
  const [list, cutTo] = "results_url" in data ? cutFailures(data) : cutPredictions(data)
  const bodyWith = (kept: number) => {
    const body: WebhookBody = {
      type: told.type,
      timestamp: new Date(event.createdMs).toISOString(),
      data: kept < list.length ? cutTo(kept) : data,
    }
    return JSON.stringify(body)
  }
  let kept = list.length
  let body = bodyWith(kept)
  while (kept > 0 && Buffer.byteLength(body) >= MAX_BODY_BYTES) {
    // By the share that is too much, and then one by one.
    kept = Math.min(kept - 1, Math.ceil((kept * MAX_BODY_BYTES) / Buffer.byteLength(body)))
    body = bodyWith(kept)
  }
  return body
}

type Cut = [list: readonly unknown[], cutTo: (kept: number) => WebhookBody["data"]]

/** Thousands of numbers fit in no webhook: they are read from the ticket. */
function withoutScores({ scores: _scores, ...ticket }: Ticket): Omit<Ticket, "scores"> {
  return ticket
}

function cutPredictions(ticket: Omit<Ticket, "scores">): Cut {
  const all = ticket.predictions ?? []
  return [all, (kept) => ({ ...ticket, predictions: all.slice(0, kept), predictions_omitted: all.length - kept })]
}

function cutFailures(batch: BatchTicket): Cut {
  return [batch.failures, (kept) => ({ ...batch, failures: batch.failures.slice(0, kept) })]
}
