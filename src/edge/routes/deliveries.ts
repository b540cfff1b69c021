import { AppError } from "../../lib/app-error.ts"
import { deliveriesSchema, toDeliveries } from "../../lib/webhooks/delivery.ts"
import { assertMayRead } from "../auth/caller.ts"
import { createRoute } from "../openapi/api-route.ts"
import { REDIS_ERRORS } from "../openapi/error-codes.ts"
import { ticketParamsSchema } from "../openapi/ticket-request.ts"
import { type EdgeContext, newRouter } from "../router.ts"
import { verifyTicket } from "../tickets/verify-ticket.ts"
import { readJob } from "../tickets/watch-ticket.ts"

/** Each resend is a request to somebody else's server. */
const RESEND_PAUSE_MS = 5_000

const content = { "application/json": deliveriesSchema }

const read = createRoute({
  method: "get",
  path: "/v1/classifications/{id}/deliveries",
  operationId: "listDeliveries",
  tag: "Classifications",
  summary: "How a ticket's webhook fares",
  description: "Every attempt, with what the receiver answered. Outlives the ticket: the schedule runs for 76 hours.",
  access: "caller",
  request: { params: ticketParamsSchema },
  responses: { 200: { description: "The deliveries", content, headers: ["Cache-Control"] } },
  errors: ["not_found", ...REDIS_ERRORS],
})

const resend = createRoute({
  method: "post",
  path: "/v1/classifications/{id}/deliveries",
  operationId: "resendDelivery",
  tag: "Classifications",
  summary: "Send a ticket's webhook again",
  access: "caller",
  request: { params: ticketParamsSchema },
  responses: { 202: { description: "It is on its way", content, headers: ["Cache-Control"] } },
  errors: ["not_found", "not_finished", "rate_limited", ...REDIS_ERRORS],
})

/** How a ticket's webhook fares: every attempt, and another one on demand. Who may read the ticket may do both. */
export const deliveries = newRouter()

deliveries.openapi(read, async (c) => {
  const { services, caller } = c.var
  const jobId = await verifyTicket(c)
  // It outlives the ticket: the schedule runs for 76 hours.
  const delivery = await services.outbox.read(jobId)
  if (delivery !== null) assertMayRead(caller, delivery)
  const shown = delivery ?? { url: await webhookOf(c, jobId), events: [] }
  c.header("Cache-Control", "private, no-cache")
  return c.json(toDeliveries(shown))
})

deliveries.openapi(resend, async (c) => {
  const { services, caller } = c.var
  const jobId = await verifyTicket(c)
  const known = await services.outbox.read(jobId)
  if (known !== null) assertMayRead(caller, known)
  else await webhookOf(c, jobId)
  const delivery = known && (await services.outbox.resend(jobId, { nowMs: services.now(), pauseMs: RESEND_PAUSE_MS }))
  if (delivery === null) throw new AppError("not_finished", "Cannot send the webhook again: the ticket is not done yet")
  services.log.info("webhook.resent", { jobId, traceId: c.var.trace.traceId })
  c.header("Cache-Control", "private, no-cache")
  return c.json(toDeliveries(delivery), 202)
})

/** @throws AppError not_found for a ticket that is not the caller's, and for one that has no webhook */
async function webhookOf(c: EdgeContext, jobId: string): Promise<string> {
  const job = await readJob(c.var.services, jobId)
  assertMayRead(c.var.caller, job)
  if (job.webhookUrl === undefined) throw new AppError("not_found", "This ticket has no webhook")
  return job.webhookUrl
}
