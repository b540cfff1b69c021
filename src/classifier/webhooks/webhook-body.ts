import { type DeliveryEvent, ticketOfEvent } from "../../lib/delivery.ts"
import type { Ticket } from "../../lib/ticket.ts"

/** The specification asks for less than 20 kB. */
const MAX_BODY_BYTES = 20_000

export type WebhookBody = {
  type: `classification.${Ticket["status"]}`
  /** When the ticket ended, whenever this is sent. */
  timestamp: string
  /** The ticket; `predictions_omitted` says how many of the least probable ones did not fit. */
  data: Ticket & { predictions_omitted?: number }
}

/** What is sent for an event, byte for byte the same at every attempt. */
export function webhookBody(event: DeliveryEvent): string {
  const ticket = ticketOfEvent(event)
  const all = ticket.predictions ?? []
  const bodyWith = (kept: number) => {
    const cut = { predictions: all.slice(0, kept), predictions_omitted: all.length - kept }
    const body: WebhookBody = {
      type: `classification.${ticket.status}`,
      timestamp: new Date(event.createdMs).toISOString(),
      data: { ...ticket, ...(kept < all.length && cut) },
    }
    return JSON.stringify(body)
  }
  let kept = all.length
  let body = bodyWith(kept)
  while (kept > 0 && Buffer.byteLength(body) >= MAX_BODY_BYTES) {
    // By the share that is too much, and then one by one.
    kept = Math.min(kept - 1, Math.ceil((kept * MAX_BODY_BYTES) / Buffer.byteLength(body)))
    body = bodyWith(kept)
  }
  return body
}
