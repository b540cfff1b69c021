import { AppError } from "../../lib/app-error.ts"
import { type Ticket, ticketSchema } from "../../lib/tickets/ticket.ts"
import { assertMayRead } from "../auth/caller.ts"
import { preferredWaitMs } from "../http/prefer.ts"
import { TICKET_HEADERS } from "../http/response-headers.ts"
import { receiveBody } from "../limits/apply-limits.ts"
import { createRoute } from "../openapi/api-route.ts"
import { ENQUEUE_ERRORS, REDIS_ERRORS, UPLOAD_ERRORS } from "../openapi/error-codes.ts"
import { imageUpload, submitHeadersSchema } from "../openapi/image-upload.ts"
import { readHeadersSchema, ticketParamsSchema } from "../openapi/ticket-request.ts"
import { type EdgeContext, newRouter } from "../router.ts"
import { ticketResponse } from "../tickets/ticket-response.ts"
import { verifyTicket } from "../tickets/verify-ticket.ts"
import { describeAccepted, describeJob, readJob, waitForJob } from "../tickets/watch-ticket.ts"
import { readUpload, wantsFreshAnswer } from "../uploads/read-upload.ts"
import { submit } from "../uploads/submit.ts"
import { parseSubmitOptions } from "../uploads/submit-options.ts"

const json = { "application/json": ticketSchema }

const create = createRoute({
  method: "post",
  path: "/v1/classifications",
  operationId: "createClassification",
  tag: "Classifications",
  summary: "Upload an image, get a ticket",
  access: "caller",
  request: { ...imageUpload, headers: submitHeadersSchema },
  responses: {
    200: { description: "Done: the result was cached, or ready in time", content: json, headers: TICKET_HEADERS },
    202: { description: "Accepted; poll `Location`", content: json, headers: ["Location", ...TICKET_HEADERS] },
  },
  errors: [...UPLOAD_ERRORS, ...ENQUEUE_ERRORS, "idempotency_mismatch"],
})

const read = createRoute({
  method: "get",
  path: "/v1/classifications/{id}",
  operationId: "readClassification",
  tag: "Classifications",
  summary: "Read a ticket",
  access: "caller",
  request: { params: ticketParamsSchema, headers: readHeadersSchema },
  responses: {
    200: { description: "The ticket", content: json, headers: TICKET_HEADERS },
    304: { description: "The ticket is unchanged; the polling headers are current", headers: TICKET_HEADERS },
  },
  errors: ["not_found", ...REDIS_ERRORS],
})

const cancel = createRoute({
  method: "delete",
  path: "/v1/classifications/{id}",
  operationId: "cancelClassification",
  tag: "Classifications",
  summary: "Cancel a job",
  description: "Canceling a canceled ticket again succeeds.",
  access: "caller",
  request: { params: ticketParamsSchema },
  responses: { 200: { description: "The ticket, canceled", content: json, headers: TICKET_HEADERS } },
  errors: ["not_found", "already_finished", ...REDIS_ERRORS],
})

export const classifications = newRouter()

classifications.openapi(create, async (c) => {
  const { services, caller } = c.var
  const headers = c.req.valid("header")
  const accepted = await receiveBody(c, async (body) => {
    const { source, options } = await readUpload(body, services.config.MAX_IMAGE_BYTES)
    return submit(services, {
      source,
      options: parseSubmitOptions(options),
      caller,
      idempotencyKey: headers["idempotency-key"],
      noCache: wantsFreshAnswer(c.req.raw),
      trace: c.var.trace,
    })
  })
  const ticket = await services.heldWaits.hold(caller.id, preferredWaitMs(headers.prefer), (waitMs) =>
    sayIfWaited(c, waitMs, () => describeAccepted(services, accepted, { waitMs, signal: c.req.raw.signal })),
  )
  return ticketResponse(c, ticket, ticket.done ? 200 : 202)
})

classifications.openapi(read, async (c) => {
  const { services, caller } = c.var
  const job = await readJob(services, await verifyTicket(c))
  assertMayRead(caller, job)
  const ticket = await services.heldWaits.hold(caller.id, preferredWaitMs(c.req.valid("header").prefer), (waitMs) =>
    sayIfWaited(c, waitMs, async () =>
      describeJob(services, await waitForJob(services, job, waitMs, c.req.raw.signal)),
    ),
  )
  return ticketResponse(c, ticket, 200)
})

classifications.openapi(cancel, async (c) => {
  const { services, caller } = c.var
  const jobId = await verifyTicket(c)
  assertMayRead(caller, await services.store.read(jobId))
  const { status } = await services.store.cancel(jobId, services.now())
  const job = await readJob(services, jobId)
  assertMayRead(caller, job)
  if (status === "finished") {
    throw new AppError("already_finished", `Cannot cancel: the ticket has finished already, as ${job.state}`)
  }
  services.log.info("job.canceled", { jobId, traceId: c.var.trace.traceId })
  return ticketResponse(c, await describeJob(services, job), 200)
})

/** `Preference-Applied`, but where the wait was given up early because no classifier is there. */
async function sayIfWaited(c: EdgeContext, waitMs: number, wait: () => Promise<Ticket>): Promise<Ticket> {
  const ticket = await wait()
  if (waitMs > 0 && (ticket.done || ticket.queue?.classifiers !== 0))
    c.header("Preference-Applied", `wait=${waitMs / 1_000}`)
  return ticket
}
