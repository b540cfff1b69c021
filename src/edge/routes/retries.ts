import { AppError } from "../../lib/app-error.ts"
import { batchTicketSchema } from "../../lib/batches/batch-ticket.ts"
import { isOperationName } from "../../lib/operations/operations.ts"
import type { Job } from "../../lib/queue/job.ts"
import { ticketSchema } from "../../lib/tickets/ticket.ts"
import { assertMayRead } from "../auth/caller.ts"
import { readFailedRows } from "../batches/results/failed-rows.ts"
import { answerUnits } from "../batches/results/result-rows.ts"
import { submitList } from "../batches/submit-batch.ts"
import { MAX_DEADLINE_MS } from "../config.ts"
import { baseUrl } from "../http/names.ts"
import { TICKET_HEADERS } from "../http/response-headers.ts"
import { createRoute } from "../openapi/api-route.ts"
import { ENQUEUE_ERRORS, UPLOAD_ERRORS } from "../openapi/error-codes.ts"
import { submitHeadersSchema } from "../openapi/image-upload.ts"
import { batchParamsSchema, ticketParamsSchema } from "../openapi/ticket-request.ts"
import { newRouter } from "../router.ts"
import type { Services } from "../services.ts"
import { ticketResponse } from "../tickets/ticket-response.ts"
import { verifyTicket } from "../tickets/verify-ticket.ts"
import { describeAccepted, readJob } from "../tickets/watch-ticket.ts"
import type { Upload } from "../uploads/read-json-upload.ts"
import { submit } from "../uploads/submit.ts"
import { readBatch, submittedResponse } from "./batches.ts"

const headers = submitHeadersSchema.pick({ "idempotency-key": true })
const ticket = { "application/json": ticketSchema }
const batchTicket = { "application/json": batchTicketSchema }
const errors = ["not_found", "not_finished", "already_finished", "idempotency_mismatch", "payload_unreadable"] as const

const retryJob = createRoute({
  method: "post",
  path: "/v1/classifications/{id}/retry",
  operationId: "retryClassification",
  tag: "Classifications",
  summary: "Retry a failed job",
  description:
    "Submits the same image again, with the same operation, options, model and webhook, as a new ticket: `retry_of` is the old one, " +
    "which stays as it is. The ticket must have failed or been canceled. Uploaded images are kept after `attempts_exhausted` only; " +
    "otherwise the response is `payload_expired`, and you upload the image again.",
  access: "caller",
  request: { params: ticketParamsSchema, headers },
  responses: {
    200: { description: "Done: the result was cached", content: ticket, headers: TICKET_HEADERS },
    202: { description: "Accepted; poll `Location`", content: ticket, headers: ["Location", ...TICKET_HEADERS] },
  },
  errors: [...errors, "payload_expired", ...UPLOAD_ERRORS, ...ENQUEUE_ERRORS],
})

const retryBatch = createRoute({
  method: "post",
  path: "/v1/batches/{id}/retry",
  operationId: "retryBatch",
  tag: "Batches",
  summary: "Retry the failed rows of a batch",
  description:
    "Makes a new batch of the rows with an image that failed or was canceled, with their columns and all their images, and with the " +
    "options of the old batch: `retry_of` is the old one, which stays as it is. The batch must be done.",
  access: "caller",
  request: { params: batchParamsSchema, headers },
  responses: {
    202: { description: "Accepted; poll `Location`", content: batchTicket, headers: ["Location", ...TICKET_HEADERS] },
  },
  errors: [
    ...errors,
    "bad_request",
    "list_expired",
    "invalid_rows",
    "invalid_list",
    "list_too_large",
    ...ENQUEUE_ERRORS,
  ],
})

/** What has failed, submitted again as new tickets: one that said that it is done never changes. */
export const retries = newRouter()

retries.openapi(retryJob, async (c) => {
  const { services, caller, trace } = c.var
  const job = await readJob(services, await verifyTicket(c))
  assertMayRead(caller, job)
  const { input, model, createdMs, deadlineMs } = job
  const source = await sourceOf(services, job)
  if (!isOperationName(input.operation.name))
    throw new AppError("job_unreadable", `Cannot retry: ${input.operation.name} is an operation of another release`)
  const accepted = await submit(services, {
    source,
    options: {
      operation: input.operation,
      ...(model !== undefined && { model }),
      deadline_ms: Math.min(MAX_DEADLINE_MS, deadlineMs - createdMs),
      webhook_url: job.webhookUrl ?? "",
    },
    caller,
    idempotencyKey: c.req.valid("header")["idempotency-key"],
    retryOf: input.ticketId,
    trace,
  })
  const shown = await describeAccepted(services, accepted, { waitMs: 0 })
  return ticketResponse(c, shown, shown.done ? 200 : 202)
})

/** @throws AppError not_finished, already_finished; payload_expired where the image is gone */
async function sourceOf({ store }: Services, { state, payloadId, input }: Job): Promise<Upload["source"]> {
  if (state === "succeeded") throw new AppError("already_finished", "Cannot retry: the job has succeeded")
  if (state !== "failed" && state !== "canceled")
    throw new AppError("not_finished", `Cannot retry: the job is ${state}`)
  if (input.source.kind !== "payload") return input.source
  const bytes = payloadId === undefined ? null : await store.getPayload(payloadId)
  if (bytes !== null) return { kind: "payload", bytes }
  throw new AppError("payload_expired", "Cannot retry: the image is no longer stored; upload it again")
}

retries.openapi(retryBatch, async (c) => {
  const { services, caller, trace } = c.var
  const batch = await readBatch(c)
  const { plan, progress } = batch
  if (progress.finishedMs === undefined) throw new AppError("not_finished", "Cannot retry: the batch is not done yet")
  if (progress.failed + progress.canceled === 0)
    throw new AppError("already_finished", "Cannot retry: every image of the batch has succeeded")
  services.readRates.charge(caller.id, answerUnits(plan, plan.pictures))
  const submitted = await submitList(
    services,
    {
      caller,
      idempotencyKey: c.req.valid("header")["idempotency-key"],
      origin: baseUrl(c),
      retryOf: plan.ticketId,
      trace,
    },
    {
      options: {
        operation: plan.operation,
        model: plan.model,
        batch_size: plan.size,
        on_invalid: "reject",
        deadline_ms: plan.deadlineMs - plan.createdMs,
        webhook_url: plan.webhookUrl ?? "",
        webhook_every: plan.webhookEvery,
      },
      open: async () => ({
        hasMark: plan.hasMark,
        columns: { names: plan.columns, urlColumn: -1 },
        pages: readFailedRows(services.batches, batch),
      }),
    },
  )
  return submittedResponse(c, submitted)
})
