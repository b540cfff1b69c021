import type { BatchTicket } from "../../lib/batches/batch-ticket.ts"
import { type DeliveryEvent, type Told, tellEvent } from "../../lib/delivery.ts"
import type { Ticket } from "../../lib/ticket.ts"

/** The specification asks for less than 20 kB. */
const MAX_BODY_BYTES = 20_000

export type WebhookBody = {
  type: Told["type"]
  /** When it happened, whenever this is sent. */
  timestamp: string
  /** The ticket; `predictions_omitted` says how many of the least probable ones did not fit. Of a batch the counts and a link. */
  data: (Ticket & { predictions_omitted?: number }) | BatchTicket
}

/** What is sent for an event, byte for byte the same at every attempt. */
export function webhookBody(event: DeliveryEvent): string {
  const told = tellEvent(event)
  const [list, cutTo] = "results_url" in told.data ? cutFailures(told.data) : cutPredictions(told.data)
  const bodyWith = (kept: number) => {
    const body: WebhookBody = {
      type: told.type,
      timestamp: new Date(event.createdMs).toISOString(),
      data: kept < list.length ? cutTo(kept) : told.data,
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

function cutPredictions(ticket: Ticket): Cut {
  const all = ticket.predictions ?? []
  return [all, (kept) => ({ ...ticket, predictions: all.slice(0, kept), predictions_omitted: all.length - kept })]
}

function cutFailures(batch: BatchTicket): Cut {
  return [batch.failures, (kept) => ({ ...batch, failures: batch.failures.slice(0, kept) })]
}
