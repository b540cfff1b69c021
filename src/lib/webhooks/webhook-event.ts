import * as z from "zod"
import { batchTicketSchema } from "../batches/batch-ticket.ts"
import { ticketSchema } from "../tickets/ticket.ts"

/** Thousands of scores fit in no webhook: they are read from the ticket. */
const classification = ticketSchema
  .omit({ scores: true })
  .extend({
    predictions_omitted: z.number().int().optional().meta({
      description: "How many of the least probable predictions did not fit into 20 kB; the ticket has them all",
    }),
  })
  .meta({ id: "TicketOfEvent" })

/** What is sent to a `webhook_url`: when, and what `data` is. The one place that knows every type of event. */
export const WEBHOOK_EVENTS = {
  "classification.succeeded": { when: "A picture has its result", data: classification },
  "classification.failed": { when: "A picture has failed; `data.error` says why", data: classification },
  "classification.canceled": { when: "A picture was canceled before it was done", data: classification },
  "batch.progress": { when: "`webhook_every` more pictures of a batch are done", data: batchTicketSchema },
  "batch.succeeded": {
    when: "A batch has been worked through and at least one picture succeeded; `data.results_url` has the rows",
    data: batchTicketSchema,
  },
  "batch.failed": {
    when: "A batch has ended without a picture that succeeded, or its deadline came",
    data: batchTicketSchema,
  },
  "batch.canceled": { when: "A batch was canceled; what was done before is in its results", data: batchTicketSchema },
} as const

export type WebhookEventType = keyof typeof WEBHOOK_EVENTS
export const webhookEventTypes = Object.keys(WEBHOOK_EVENTS) as WebhookEventType[]

export const isWebhookEventType = (type: string): type is WebhookEventType => Object.hasOwn(WEBHOOK_EVENTS, type)

/** The body of a webhook of this type. */
export function webhookEventSchema<T extends WebhookEventType>(type: T) {
  return z.object({
    type: z.literal(type),
    timestamp: z.iso.datetime().meta({ description: "When it happened; the same at every attempt" }),
    data: WEBHOOK_EVENTS[type].data as (typeof WEBHOOK_EVENTS)[T]["data"],
  })
}
export type WebhookEvent = {
  [T in WebhookEventType]: z.infer<ReturnType<typeof webhookEventSchema<T>>>
}[WebhookEventType]
