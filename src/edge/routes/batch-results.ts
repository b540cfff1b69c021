import * as z from "zod"
import {
  answerUnits,
  boundAnswer,
  keepLastChunk,
  lastDoneRow,
  maxAnswerPictures,
  type ResultRow,
  readResultRows,
} from "../batches/results/result-rows.ts"
import { RESULT_FORMATS, toByteStream, writeResults } from "../batches/results/write-results.ts"
import { linkTo } from "../http/names.ts"
import { createRoute } from "../openapi/api-route.ts"
import { REDIS_ERRORS } from "../openapi/error-codes.ts"
import { batchParamsSchema } from "../openapi/ticket-request.ts"
import { newRouter } from "../router.ts"
import { readBatch } from "./batches.ts"

const ROWS = { type: "string", description: "The columns of the list, followed by the result columns" }

const results = createRoute({
  method: "get",
  path: "/v1/batches/{id}/results",
  operationId: "readBatchResults",
  tag: "Batches",
  summary: "Read the finished rows, in the order of the list",
  description:
    "One row per row of the list: its columns, followed by its results. Contains rows up to the first unfinished one; " +
    "continue with `Next-After` until `Results-Complete` is true. Column names appear only " +
    "without `after`, so you can concatenate the pages.",
  access: "caller",
  request: {
    params: batchParamsSchema,
    query: z.object({
      format: z
        .enum(["csv", "tsv", "jsonl"], "must be csv, tsv or jsonl")
        .default("csv")
        .meta({ description: "Format of the rows" }),
      after: z
        .string()
        .regex(/^\d{1,9}$/, "must be a row's number")
        .transform(Number)
        .pipe(z.int())
        .optional()
        .meta({ description: "Return rows after this one: the `Next-After` of the previous page" }),
      limit: z
        .string()
        .regex(/^[1-9]\d{0,8}$/, "must be a whole number from 1")
        .transform(Number)
        .pipe(z.int())
        .optional()
        .meta({ description: "Maximum number of rows; default: all finished rows" }),
    }),
  },
  responses: {
    200: {
      description: "Rows",
      content: {
        "text/csv": ROWS,
        "text/tab-separated-values": ROWS,
        "application/jsonl": {
          type: "string",
          description:
            "One JSON object per line: `row`, from 1; `input`, its columns; `results`, one per image, with `url`, `status` and the fields of a ticket",
        },
      },
      headers: ["Next-After", "Results-Complete", "Link", "Cache-Control"],
    },
  },
  errors: ["not_found", "list_expired", "payload_unreadable", ...REDIS_ERRORS],
})

export const batchResults = newRouter()

batchResults.openapi(results, async (c) => {
  const { services, caller } = c.var
  const store = keepLastChunk(services.batches)
  const { format, after = 0, limit } = c.req.valid("query")
  const batch = await readBatch(c)
  const { plan, progress } = batch
  const done = await lastDoneRow(store, batch)
  const most = Math.max(after, Math.min(done, after + (limit ?? done), after + maxAnswerPictures(plan)))
  // Before the list is read: a row names a picture at least.
  const rowUnits = answerUnits(plan, most - after)
  services.readRates.charge(caller.id, rowUnits)
  const { until, pictures } = await boundAnswer(store, batch, { after, until: most })
  services.readRates.charge(caller.id, Math.max(0, answerUnits(plan, pictures) - rowUnits))
  const isComplete = progress.finishedMs !== undefined && until >= plan.rows
  const rows = await begun(readResultRows(store, batch, { after, until }))
  c.header("Next-After", String(until))
  c.header("Results-Complete", String(isComplete))
  if (!isComplete) {
    const query = new URLSearchParams({
      format,
      after: String(until),
      ...(limit !== undefined && { limit: String(limit) }),
    })
    c.header("Link", `<${linkTo(c, `/v1/batches/${plan.ticketId}/results`)}?${query}>; rel="next"`)
  }
  c.header("Cache-Control", "private, no-cache")
  c.header("Content-Type", RESULT_FORMATS[format])
  c.header("Content-Disposition", `attachment; filename="${plan.ticketId.slice(0, 12)}.${format}"`)
  return c.body(toByteStream(writeResults(rows, plan, { format, isFirst: after === 0 })))
})

/** Reads the first row before anything is answered: a list that is gone is an error, and no answer that breaks off. */
async function begun(rows: AsyncGenerator<ResultRow>): Promise<AsyncGenerator<ResultRow>> {
  const first = await rows.next()
  return (async function* () {
    if (first.done) return
    yield first.value
    yield* rows
  })()
}
