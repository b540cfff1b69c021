import * as z from "zod"
import { operationSchema } from "../operations/operations.ts"
import { jobErrorSchema } from "../queue/job.ts"

/** What is settled once a batch is accepted. */
export const batchPlanSchema = z.object({
  id: z.string(),
  ticketId: z.string(),
  caller: z.string(),
  weight: z.number(),
  /** Limit of its waiting jobs, if its API key has one. */
  maxDepth: z.number().optional(),
  operation: operationSchema,
  model: z.string().optional(),
  queue: z.string(),
  createdMs: z.number(),
  /** What is not done by then is given up. */
  deadlineMs: z.number(),
  /** Until then every row's result is kept. */
  keepUntilMs: z.number(),
  /** Written for classifiers of before 2026-11-21, which fail a picture that has waited for so long. */
  jobDeadlineMs: z.number().optional(),
  maxAttempts: z.number(),
  /** How many pictures may be in the queue or in work at once. */
  size: z.number(),
  rows: z.number(),
  /** Rows that were not taken, and are in the results all the same. */
  skipped: z.number(),
  /** Different URLs, each of which is one job. */
  pictures: z.number(),
  columns: z.array(z.string()),
  /** The list had a byte order mark. */
  hasMark: z.boolean(),
  /** Names the keys of the list's chunks. */
  listId: z.string(),
  /** What its chunks count as. */
  listBytes: z.number().optional(),
  /** Of each chunk: its first row, its first picture. */
  chunks: z.array(z.tuple([z.number(), z.number()])),
  /** SHA-256 over list and options: what a repeated Idempotency-Key is held against. */
  fingerprint: z.string(),
  webhookUrl: z.string().optional(),
  /** A webhook each time that so many more pictures are done. */
  webhookEvery: z.number().optional(),
  /** Where clients reach the edge: what links begin with. */
  origin: z.string(),
  /** The ticket of the batch whose failed rows it does again. */
  retryOf: z.string().optional(),
  /** The `traceparent` that its jobs and webhooks go on with. */
  trace: z.string().optional(),
})
export type BatchPlan = z.infer<typeof batchPlanSchema>

const failureSchema = z.object({ row: z.number(), url: z.string(), error: jobErrorSchema })

const count = z.coerce.number().default(0)
const progressSchema = z.object({
  /** Pictures put into the queue so far. */
  cursor: count,
  succeeded: count,
  failed: count,
  canceled: count,
  /** Canceled by its caller, or given up at its deadline: what is past the cursor will not be worked on. */
  ended: z.enum(["canceled", "expired"]).optional(),
  /** Why it was given up, where that was not its deadline. */
  error: z
    .string()
    .transform((text) => jobErrorSchema.parse(JSON.parse(text)))
    .optional(),
  startedMs: z.coerce.number().optional(),
  finishedMs: z.coerce.number().optional(),
  /** An instant and how many were done then, for the rate. */
  markMs: z.coerce.number().optional(),
  markDone: count,
  failures: z
    .string()
    .default("[]")
    .transform((text) => z.array(failureSchema).parse(JSON.parse(text))),
})
export type BatchProgress = z.infer<typeof progressSchema>

export type Batch = { plan: BatchPlan; progress: BatchProgress }

/** @param fields of the hash: `plan`, which no script reads, and the progress */
export function decodeBatch({ plan = "", ...fields }: Readonly<Record<string, string>>): Batch {
  return { plan: batchPlanSchema.parse(JSON.parse(plan)), progress: progressSchema.parse(fields) }
}

export type BatchState = "queued" | "processing" | "succeeded" | "failed" | "canceled"

/** A batch has succeeded when its list was worked through and at least one picture was. */
export function stateOf({ progress }: Batch): BatchState {
  if (progress.finishedMs === undefined) return progress.startedMs === undefined ? "queued" : "processing"
  if (progress.ended === "canceled") return "canceled"
  return progress.ended === "expired" || progress.succeeded === 0 ? "failed" : "succeeded"
}

export const doneOf = ({ succeeded, failed, canceled }: BatchProgress): number => succeeded + failed + canceled

/** The id of a picture's job, which anybody can compute: so that enqueuing it twice is the same as once. */
export const pictureJobId = (batchId: string, picture: number): string => `${batchId}-${picture}`
