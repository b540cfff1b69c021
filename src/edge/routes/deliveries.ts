import { AppError } from "../../lib/app-error.ts"
import { deliveriesSchema, toDeliveries } from "../../lib/webhooks/delivery.ts"
import { assertMayRead } from "../auth/caller.ts"
import { createRoute } from "../openapi/api-route.ts"
import { REDIS_ERRORS } from "../openapi/error-codes.ts"
import { batchParamsSchema, ticketParamsSchema } from "../openapi/ticket-request.ts"
import { type EdgeContext, newRouter } from "../router.ts"
import type { Services } from "../services.ts"
import { verifyTicket } from "../tickets/verify-ticket.ts"
import { readJob } from "../tickets/watch-ticket.ts"

/** Each resend is a request to a server that is not ours. */
const RESEND_PAUSE_MS = 5_000

const content = { "application/json": deliveriesSchema }

const read = createRoute({
  method: "get",
  path: "/v1/classifications/{id}/deliveries",
  operationId: "listDeliveries",
  tag: "Classifications",
  summary: "List the webhook attempts of a ticket",
  description:
    "Every attempt with the response of the receiver. Kept longer than the ticket, because retries take up to 76 hours.",
  access: "caller",
  request: { params: ticketParamsSchema },
  responses: { 200: { description: "The deliveries", content, headers: ["Cache-Control"] } },
  errors: ["not_found", ...REDIS_ERRORS],
})

const readOfBatch = createRoute({
  ...read,
  path: "/v1/batches/{id}/deliveries",
  operationId: "listBatchDeliveries",
  tag: "Batches",
  summary: "List the webhook attempts of a batch",
  request: { params: batchParamsSchema },
})

const resend = createRoute({
  method: "post",
  path: "/v1/classifications/{id}/deliveries",
  operationId: "resendDelivery",
  tag: "Classifications",
  summary: "Resend the webhook of a ticket",
  description: "At once, with the same `webhook-id` and a new retry schedule; at most once in 5 seconds.",
  access: "caller",
  request: { params: ticketParamsSchema },
  responses: { 202: { description: "The webhook is due now", content, headers: ["Cache-Control"] } },
  errors: ["not_found", "not_finished", "resend_too_soon", ...REDIS_ERRORS],
})

const resendOfBatch = createRoute({
  ...resend,
  path: "/v1/batches/{id}/deliveries",
  operationId: "resendBatchDelivery",
  tag: "Batches",
  summary: "Resend the latest webhook of a batch",
  request: { params: batchParamsSchema },
})

/** The webhook deliveries of a ticket or a batch: every attempt, and a resend. Whoever may read the ticket may do both. */
export const deliveries = newRouter()

/** What has a webhook. */
type Sender = {
  ids: "ticketIds" | "batchTicketIds"
  find: (services: Services, id: string) => Promise<{ caller: string; webhookUrl?: string | undefined } | null>
}
const TICKET: Sender = { ids: "ticketIds", find: readJob }
const BATCH: Sender = { ids: "batchTicketIds", find: async ({ batches }, id) => (await batches.read(id))?.plan ?? null }

deliveries.openapi(read, (c) => show(c, TICKET))
deliveries.openapi(readOfBatch, (c) => show(c, BATCH))
deliveries.openapi(resend, (c) => sendAgain(c, TICKET))
deliveries.openapi(resendOfBatch, (c) => sendAgain(c, BATCH))

async function show(c: EdgeContext, sender: Sender): Promise<Response> {
  const { services, caller } = c.var
  const id = await verifyTicket(c, services[sender.ids])
  // It outlives the ticket: the schedule runs for 76 hours.
  const delivery = await services.outbox.read(id)
  if (delivery !== null) assertMayRead(caller, delivery)
  const shown = delivery ?? { url: await webhookOf(c, sender, id), events: [] }
  c.header("Cache-Control", "private, no-cache")
  return c.json(toDeliveries(shown))
}

async function sendAgain(c: EdgeContext, sender: Sender): Promise<Response> {
  const { services, caller } = c.var
  const id = await verifyTicket(c, services[sender.ids])
  const known = await services.outbox.read(id)
  if (known !== null) assertMayRead(caller, known)
  else await webhookOf(c, sender, id)
  const delivery = known && (await services.outbox.resend(id, { nowMs: services.now(), pauseMs: RESEND_PAUSE_MS }))
  if (delivery === null) throw new AppError("not_finished", "Cannot send the webhook again: the ticket is not done yet")
  services.log.info("webhook.resent", { jobId: id, traceId: c.var.trace.traceId })
  c.header("Cache-Control", "private, no-cache")
  return c.json(toDeliveries(delivery), 202)
}

/** @throws AppError not_found for a ticket that is not the caller's, and for one that has no webhook */
async function webhookOf(c: EdgeContext, { find }: Sender, id: string): Promise<string> {
  const found = await find(c.var.services, id)
  assertMayRead(c.var.caller, found)
  if (found.webhookUrl === undefined) throw new AppError("not_found", "This ticket has no webhook")
  return found.webhookUrl
}
