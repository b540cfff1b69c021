import * as z from "zod"
import { batchTicketSchema } from "../batches/batch-ticket.ts"
import { ticketSchema } from "../tickets/ticket.ts"

/** Thousands of scores or features fit in no webhook: they are read from the ticket. */
const classification = ticketSchema
  .omit({ scores: true, features: true })
  .extend({
    predictions_omitted: z.number().int().optional().meta({
      description: "Number of predictions that did not fit into 20 kB; the ticket has all",
    }),
  })
  .meta({ id: "TicketOfEvent" })

/** What is sent to a `webhook_url`: when, and what `data` is. The one place that knows every type of event. */
export const WEBHOOK_EVENTS = {
  "classification.succeeded": { when: "An image has its result", data: classification },
  "classification.failed": { when: "An image has failed; see `data.error`", data: classification },
  "classification.canceled": { when: "An image was canceled", data: classification },
  "batch.progress": { when: "`webhook_every` more images of a batch are done", data: batchTicketSchema },
  "batch.succeeded": {
    when: "A batch is finished and at least one image succeeded; `data.results_url` has the rows",
    data: batchTicketSchema,
  },
  "batch.failed": {
    when: "A batch is finished and no image succeeded, or its deadline passed",
    data: batchTicketSchema,
  },
  "batch.canceled": { when: "A batch was canceled; its results have the finished rows", data: batchTicketSchema },
} as const

export type WebhookEventType = keyof typeof WEBHOOK_EVENTS
export const webhookEventTypes = Object.keys(WEBHOOK_EVENTS) as WebhookEventType[]

export const isWebhookEventType = (type: string): type is WebhookEventType => Object.hasOwn(WEBHOOK_EVENTS, type)

/** The body of a webhook of this type. */
export function webhookEventSchema<T extends WebhookEventType>(type: T) {
  return z.object({
    type: z.literal(type),
    timestamp: z.iso.datetime().meta({ description: "Time of the event, the same for every attempt" }),
    data: WEBHOOK_EVENTS[type].data as (typeof WEBHOOK_EVENTS)[T]["data"],
  })
}
export type WebhookEvent = {
  [T in WebhookEventType]: z.infer<ReturnType<typeof webhookEventSchema<T>>>
}[WebhookEventType]
