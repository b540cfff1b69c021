import * as z from "zod"
import type { Pause } from "../queue/model-limits.ts"
import { withNotice } from "../tickets/ticket.ts"
import { type Batch, doneOf, stateOf } from "./batch.ts"

const instant = z.iso.datetime()
const MIN_POLL_MS = 250
const MAX_POLL_MS = 10_000
/** Short, so that progress is visible. */
const POLLS_PER_BATCH = 10

/** The ticket of a batch on the wire. */
export const batchTicketSchema = z
  .object({
    id: z.string().meta({ description: "The capability to read and cancel this batch" }),
    status: z.enum(["queued", "processing", "succeeded", "failed", "canceled"]).meta({
      description:
        "`succeeded`: finished, and at least one image succeeded. `failed`: none succeeded, or the deadline passed",
    }),
    done: z.boolean().meta({ description: "Whether the ticket is final" }),
    operation: z.string().meta({ description: "Operation on each image" }),
    model: z.object({ id: z.string() }).optional().meta({ description: "Absent if the operation uses no model" }),
    retry_of: z.string().optional().meta({ description: "Id of the batch whose failed rows this one retries" }),
    created_at: instant,
    started_at: instant.optional(),
    finished_at: instant.optional(),
    rows: z.object({
      total: z.number().int().meta({ description: "Rows of the list, without the header" }),
      skipped: z
        .number()
        .int()
        .meta({ description: "Rows that could not be taken; they are in the results all the same" }),
    }),
    pictures: z
      .object({
        total: z.number().int(),
        done: z.number().int(),
        queued: z.number().int().meta({ description: "Not queued yet" }),
        processing: z.number().int().meta({ description: "Queued or in work: at most `batch_size`" }),
        succeeded: z.number().int(),
        failed: z.number().int(),
        canceled: z.number().int(),
      })
      .meta({ description: "Distinct URLs by state" }),
    batch_size: z.number().int(),
    per_second: z.number().nullable().meta({ description: "Images finished per second, recently" }),
    eta_ms: z
      .number()
      .int()
      .nullable()
      .optional()
      .meta({ description: "Milliseconds until all are done, at that rate" }),
    notice: z.string().optional().meta({ description: "Present when no classifier serves the queue, or it is paused" }),
    poll_after_ms: z.number().int().optional().meta({ description: "Milliseconds to wait before the next poll" }),
    error: z.object({ code: z.string(), message: z.string() }).optional().meta({
      description:
        "Present when the list was lost (`list_expired`) or was changed in Redis (`payload_unreadable`): the batch has failed",
    }),
    failures: z
      .array(z.object({ row: z.number().int(), url: z.string(), code: z.string(), message: z.string() }))
      .meta({ description: "The first ten failed images" }),
    results_url: z.string().meta({ description: "URL of the rows; add `?format=csv`, `tsv` or `jsonl`" }),
  })
  .meta({ id: "BatchTicket" })
export type BatchTicket = z.infer<typeof batchTicketSchema>

/** @param wait how many classifiers are there for it now, and what is paused, where that is known */
export function toBatchTicket(
  batch: Batch,
  nowMs: number,
  wait: { classifiers?: number | undefined; pause?: Pause } = {},
): BatchTicket {
  const { plan, progress } = batch
  const { cursor, ended, error, startedMs, finishedMs } = progress
  const done = doneOf(progress)
  const queued = ended === undefined ? plan.pictures - cursor : 0
  const perSecond = rateOf(batch, nowMs)
  const isDone = finishedMs !== undefined
  const etaMs = perSecond === null || perSecond === 0 ? null : Math.ceil(((plan.pictures - done) / perSecond) * 1_000)
  return {
    id: plan.ticketId,
    status: stateOf(batch),
    done: isDone,
    operation: plan.operation.name,
    ...(plan.model !== undefined && { model: { id: plan.model } }),
    ...(plan.retryOf !== undefined && { retry_of: plan.retryOf }),
    created_at: isoInstant(plan.createdMs),
    ...(startedMs !== undefined && { started_at: isoInstant(Math.max(startedMs, plan.createdMs)) }),
    ...(isDone && { finished_at: isoInstant(finishedMs) }),
    rows: { total: plan.rows, skipped: plan.skipped },
    pictures: {
      total: plan.pictures,
      done,
      queued,
      processing: Math.max(0, plan.pictures - done - queued),
      succeeded: progress.succeeded,
      failed: progress.failed,
      canceled: progress.canceled,
    },
    batch_size: plan.size,
    per_second: perSecond,
    ...(!isDone && { eta_ms: etaMs, poll_after_ms: pollAfterMs(etaMs) }),
    ...(!isDone && withNotice(plan.model ?? plan.operation.name, plan.deadlineMs, wait)),
    ...(error !== undefined && { error }),
    failures: progress.failures.map(({ row, url, error }) => ({ row, url, ...error })),
    results_url: `${plan.origin}/v1/batches/${plan.ticketId}/results`,
  }
}

/** The first pictures come all at once, or late: a rate of them is of no use. */
const MIN_RATE_SECONDS = 2

/** Over the last five to ten seconds while it is in progress, and from its start to its end when it is done. */
function rateOf({ progress }: Batch, nowMs: number): number | null {
  const { startedMs, finishedMs, markMs, markDone } = progress
  const [sinceMs, before] = finishedMs === undefined ? [markMs, markDone] : [startedMs, 0]
  if (sinceMs === undefined) return null
  const seconds = ((finishedMs ?? nowMs) - sinceMs) / 1_000
  const leastSeconds = finishedMs === undefined ? MIN_RATE_SECONDS : 0
  // What was canceled was not worked on.
  const worked = finishedMs === undefined ? doneOf(progress) : progress.succeeded + progress.failed
  return seconds <= leastSeconds ? null : Math.round(((worked - before) / seconds) * 100) / 100
}

function pollAfterMs(etaMs: number | null): number {
  if (etaMs === null) return 1_000
  return Math.round(Math.min(MAX_POLL_MS, Math.max(MIN_POLL_MS, etaMs / POLLS_PER_BATCH)))
}

/** A weak ETag without the fields that change constantly: hints and the rate. */
export function batchETag({ status, pictures }: BatchTicket): string {
  return `W/"${[status, pictures.processing > 0 ? 1 : 0, pictures.succeeded, pictures.failed, pictures.canceled].join(".")}"`
}

const isoInstant = (ms: number) => new Date(ms).toISOString()
