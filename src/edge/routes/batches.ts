import * as z from "zod"
import { AppError } from "../../lib/app-error.ts"
import { type Batch, stateOf } from "../../lib/batches/batch.ts"
import { type BatchTicket, batchTicketSchema, toBatchTicket } from "../../lib/batches/batch-ticket.ts"
import { assertMayRead } from "../auth/caller.ts"
import { batchOptionsSchema } from "../batches/batch-options.ts"
import { openUpload } from "../batches/open-upload.ts"
import { type SubmittedBatch, submitBatch } from "../batches/submit-batch.ts"
import { baseUrl } from "../http/names.ts"
import { problemResponse } from "../http/problem.ts"
import { TICKET_HEADERS } from "../http/response-headers.ts"
import { receiveBody } from "../limits/apply-limits.ts"
import { createRoute } from "../openapi/api-route.ts"
import { BODY_ERRORS, ENQUEUE_ERRORS, REDIS_ERRORS } from "../openapi/error-codes.ts"
import { submitHeadersSchema } from "../openapi/image-upload.ts"
import { problemSchema } from "../openapi/problem-schema.ts"
import { batchParamsSchema, readHeadersSchema } from "../openapi/ticket-request.ts"
import { type EdgeContext, newRouter } from "../router.ts"
import type { Services } from "../services.ts"
import { batchResponse } from "../tickets/ticket-response.ts"

const MAX_STOP_CALLS = 16

const json = { "application/json": batchTicketSchema }
const LIST = { type: "string", description: "One row per image, or several URLs in a cell" }
/** Options in a form must stand before its file, which generated clients do not know: the query is described for them. */
const form = z.object({
  file: z.unknown().meta({
    description: "The list. Options go in the query, or in form fields before the file",
    type: "string",
    format: "binary",
  }),
})

const create = createRoute({
  method: "post",
  path: "/v1/batches",
  operationId: "createBatch",
  tag: "Batches",
  summary: "Submit a list of image URLs",
  description:
    "The list is CSV, TSV, JSON Lines or a JSON array, as the body or as the form field `file`. A column named like `url`, " +
    "`image_url` or `Input Image URLs` contains the URLs; all other columns are returned with their row.",
  access: "caller",
  request: {
    options: batchOptionsSchema,
    headers: submitHeadersSchema.pick({ "idempotency-key": true }),
    body: {
      description: "The list",
      required: true,
      content: {
        "text/csv": LIST,
        "text/tab-separated-values": LIST,
        "application/jsonl": LIST,
        "application/json": {
          type: "array",
          items: {
            anyOf: [
              { type: "string", format: "uri" },
              { type: "object", additionalProperties: true },
            ],
          },
          description: "URLs, or objects with a URL in such a field",
        },
        "multipart/form-data": form,
      },
    },
  },
  responses: {
    202: { description: "Accepted; poll `Location`", content: json, headers: ["Location", ...TICKET_HEADERS] },
  },
  errors: [
    ...BODY_ERRORS,
    "invalid_list",
    "invalid_rows",
    "list_too_large",
    "list_expired",
    "invalid_options",
    "idempotency_mismatch",
    ...ENQUEUE_ERRORS,
  ],
  problem: problemSchema.extend({
    columns: z.array(z.string()).optional().meta({
      description: "Names of the columns, of which `url_column` can be one, if none was found by its name",
    }),
    invalid_rows: z.number().int().optional().meta({ description: "Number of invalid rows" }),
    rows: z
      .array(
        z.object({
          row: z.number().int().meta({ description: "Row number from 1, without the header" }),
          line: z.number().int().meta({ description: "Line of the text on which the row starts" }),
          column: z.string(),
          value: z.string().meta({ description: "The value, cut to 100 characters" }),
          reason: z.string(),
        }),
      )
      .optional()
      .meta({ description: "The first hundred invalid rows" }),
  }),
})

const read = createRoute({
  method: "get",
  path: "/v1/batches/{id}",
  operationId: "readBatch",
  tag: "Batches",
  summary: "Read a batch",
  access: "caller",
  request: { params: batchParamsSchema, headers: readHeadersSchema.pick({ "if-none-match": true }) },
  responses: {
    200: { description: "The ticket of the batch", content: json, headers: TICKET_HEADERS },
    304: { description: "The batch is unchanged; the polling headers are current", headers: TICKET_HEADERS },
  },
  errors: ["not_found", ...REDIS_ERRORS],
})

const cancel = createRoute({
  method: "delete",
  path: "/v1/batches/{id}",
  operationId: "cancelBatch",
  tag: "Batches",
  summary: "Cancel a batch",
  description: "Finished rows stay readable. Canceling again succeeds.",
  access: "caller",
  request: { params: batchParamsSchema },
  responses: { 200: { description: "The ticket of the batch", content: json, headers: TICKET_HEADERS } },
  errors: ["not_found", "already_finished", ...REDIS_ERRORS],
})

export const batches = newRouter()

batches.openapi(create, async (c) => {
  const { services, caller } = c.var
  const submitted = await receiveBody(c, async (sent) =>
    submitBatch(services, {
      ...(await openUpload(sent, services.config.MAX_BATCH_BYTES)),
      caller,
      idempotencyKey: c.req.valid("header")["idempotency-key"],
      origin: baseUrl(c),
      trace: c.var.trace,
    }),
  )
  return submittedResponse(c, submitted)
})

/** A batch that was accepted, or what is wrong with its rows. */
export async function submittedResponse(c: EdgeContext, submitted: SubmittedBatch): Promise<Response> {
  if ("batch" in submitted) return batchResponse(c, await describeBatch(c.var.services, submitted.batch), 202)
  const { problems, count, onInvalid } = submitted
  const which = count === 1 ? "a row of it" : `${count} of its rows`
  const advice = onInvalid === "skip" ? ", and there are no others" : "; on_invalid=skip takes the rest"
  const error = new AppError("invalid_rows", `Cannot accept the list: ${which} cannot be taken${advice}`)
  return problemResponse(c, error, { invalid_rows: count, rows: problems })
}

batches.openapi(read, async (c) => {
  return batchResponse(c, await describeBatch(c.var.services, await readBatch(c)), 200)
})

/** After this time without a first image the wake-up may have been lost: it is sent again. */
const OVERDUE_MS = 2_000

async function describeBatch(services: Services, batch: Batch): Promise<BatchTicket> {
  const { registry, now, overdueWakes, batches: store, log } = services
  const waitsToBegin = stateOf(batch) === "queued" && now() - batch.plan.createdMs > OVERDUE_MS
  if (waitsToBegin && overdueWakes.isDue("batches")) {
    await store
      .wakeForBatches()
      .catch((error: unknown) => log.debug("batch.not_woken", { batchId: batch.plan.id, error }))
  }
  // An accepted list is answered for even while Redis is away.
  const [rate, pause] = await Promise.all([
    registry.rate(batch.plan.queue).catch(() => undefined),
    registry.pauseOf(batch.plan.queue).catch(() => null),
  ])
  return toBatchTicket(batch, now(), { classifiers: rate?.classifiers, pause })
}

batches.openapi(cancel, async (c) => {
  const { batches: store, now, log } = c.var.services
  const { plan } = await readBatch(c)
  let ended = await store.end(plan.id, "canceled", now())
  // What is left after these is stopped by a feeder.
  for (let calls = 1; ended.inFlight > 0 && calls < MAX_STOP_CALLS; calls++)
    ended = await store.end(plan.id, "canceled", now())
  if (ended.batch === null) throw new AppError("not_found", "There is no such batch, or it has expired")
  if (ended.status === "finished") throw new AppError("already_finished", "Cannot cancel: the batch is done")
  log.info("batch.canceled", { batchId: plan.id, inFlight: ended.inFlight, traceId: c.var.trace.traceId })
  const latest = (await store.read(plan.id)) ?? ended.batch
  return batchResponse(c, toBatchTicket(latest, now()), 200)
})

/** @throws AppError not_found for a ticket that we did not sign, that has expired, or that belongs to another caller */
export async function readBatch(c: EdgeContext): Promise<Batch> {
  const { batchTicketIds, batches: store } = c.var.services
  const id = await batchTicketIds.verify(c.req.param("id") ?? "")
  const batch = id === null ? null : await store.read(id)
  assertMayRead(c.var.caller, batch?.plan ?? null)
  return batch as Batch
}
