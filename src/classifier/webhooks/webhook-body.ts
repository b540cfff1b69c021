import type { BatchTicket } from "../../lib/batches/batch-ticket.ts"
import { type Ticket, withLinks } from "../../lib/tickets/ticket.ts"
import { type DeliveryEvent, webhookEventOf } from "../../lib/webhooks/delivery.ts"
import type { WebhookEvent } from "../../lib/webhooks/webhook-event.ts"

/** The specification asks for less than 20 kB. */
const MAX_BODY_BYTES = 20_000

/** What is sent for an event, byte for byte the same at every attempt. `publicUrl`: what links to the edge begin with. */
export function webhookBody(event: DeliveryEvent, publicUrl = ""): string {
  const told = webhookEventOf(event)
  const data = "results_url" in told.data ? told.data : withLinks(withoutLists(told.data), publicUrl)
  const [list, cutTo] = "results_url" in data ? cutFailures(data) : cutPredictions(data)
  const bodyWith = (kept: number) => {
    const body = {
      type: told.type,
      timestamp: new Date(event.createdMs).toISOString(),
      data: kept < list.length ? cutTo(kept) : data,
    }
    // Which data belongs to which type is webhookEventOf()'s to keep.
    return JSON.stringify(body satisfies { [Field in keyof WebhookEvent]: WebhookEvent[Field] })
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

type Cut = [list: readonly unknown[], cutTo: (kept: number) => WebhookEvent["data"]]

type Short = Omit<Ticket, "scores" | "features">

function withoutLists({ scores: _scores, features: _features, ...ticket }: Ticket): Short {
  return ticket
}

function cutPredictions(ticket: Short): Cut {
  const all = ticket.predictions ?? []
  return [all, (kept) => ({ ...ticket, predictions: all.slice(0, kept), predictions_omitted: all.length - kept })]
}

function cutFailures(batch: BatchTicket): Cut {
  return [batch.failures, (kept) => ({ ...batch, failures: batch.failures.slice(0, kept) })]
}
