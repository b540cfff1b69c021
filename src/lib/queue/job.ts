import * as z from "zod"
import { AppError, type ErrorCode } from "../app-error.ts"
import { isOperationName, type Operation, operationSchema } from "../operations/operations.ts"
import { isKnownSource, jobSourceSchema, withoutPayloadSource } from "./job-source.ts"

/** Fields of other releases are kept, through reads and writes. Types name only known fields (docs/versions.md). */
const open = <T extends z.ZodRawShape>(shape: T) => z.looseObject(shape) as unknown as z.ZodObject<T>

/** A newer release may have codes of its own. */
const errorCode = z.custom<ErrorCode>((code) => typeof code === "string", "Not an error code")

/** An operation that is not known here goes through: its ticket can be shown, and a classifier sets its job aside. */
const operation = open({ name: z.string() }).transform((written, context): Operation => {
  if (!isOperationName(written.name)) return written as Operation
  const known = operationSchema.safeParse(written)
  if (known.success) return { ...written, ...known.data }
  context.issues.push(...known.error.issues.map((issue) => ({ ...issue, input: written }) as z.core.$ZodRawIssue))
  return z.NEVER
})

const predictionSchema = open({
  label: z.string(),
  probability: z.number(),
  classIndex: z.number(),
})
export type Prediction = z.infer<typeof predictionSchema>

/** What is known of an image; width and height are those after its orientation is applied. */
export const imageInfoSchema = open({
  format: z.string(),
  width: z.number(),
  height: z.number(),
  bytes: z.number(),
  /** Not known of a picture elsewhere whose header was enough. */
  sha256: z.string().optional(),
  orientation: z.number(),
  /** Pictures in it, where its format can hold several. */
  frames: z.number().optional(),
  /** A JPEG in several scans. */
  isProgressive: z.boolean().optional(),
})
export type ImageInfo = z.infer<typeof imageInfoSchema>

/** What the caller asked for. The scripts carry it through unread. */
const jobInputSchema = open({
  ticketId: z.string(),
  operation,
  source: jobSourceSchema,
  /** What the edge has read from the image's header, if the image was sent. */
  image: imageInfoSchema.optional(),
  /** SHA-256 over payload and options: what a repeated Idempotency-Key is held against. */
  fingerprint: z.string(),
  /** The edge's step in the request's trace, as a `traceparent`: what is done for the job are its children. */
  trace: z.string().optional(),
  /** The ticket of the failed job that this one does again. */
  retryOf: z.string().optional(),
})
export type JobInput = z.infer<typeof jobInputSchema>

/** A picture that an operation has made. */
const outputInfoSchema = open({
  id: z.string(),
  contentType: z.string(),
  bytes: z.number(),
  sha256: z.string(),
  width: z.number().optional(),
  height: z.number().optional(),
  /** Its URL, unless the edge serves it. */
  url: z.string().optional(),
})
export type OutputInfo = z.infer<typeof outputInfoSchema>

const jobResultSchema = open({
  modelVersion: z.string().optional(),
  predictions: z.array(predictionSchema).optional(),
  /** The probability of every class, by class index. */
  scores: z.array(z.number()).optional(),
  /** The model is not sure enough: "none of these". */
  unknown: z.boolean().optional(),
  /** What the model saw; as text base64 of float32, little-endian. */
  features: z.union([z.array(z.number()), z.string()]).optional(),
  image: imageInfoSchema,
  output: outputInfoSchema.optional(),
  timingsMs: open({ fetch: z.number(), decode: z.number(), infer: z.number() }),
})
export type JobResult = z.infer<typeof jobResultSchema>

export const jobErrorSchema = open({ code: errorCode, message: z.string() })
export type JobError = z.infer<typeof jobErrorSchema>

/** Attempts that ended without an outcome, the latest ten. */
const history = z
  .array(
    open({
      attempt: z.number(),
      startedMs: z.number(),
      endedMs: z.number(),
      worker: z.string(),
      reason: z.string(),
    }),
  )
  .optional()

const base = {
  id: z.string(),
  /** None where the operation needs none. */
  model: z.string().optional(),
  /** Where it waits (src/lib/queue/queue-name.ts). */
  queue: z.string(),
  caller: z.string(),
  /** The batch that it is a row of: background work of its caller. */
  batch: open({
    id: z.string(),
    /** The first row that names it, from 1. */
    row: z.number(),
    /** Its number within the batch. */
    picture: z.number(),
    /** Until then its result is kept. */
    keepUntilMs: z.number(),
  }).optional(),
  /** Names the payload's key; its own id, so that a repeated upload overwrites no bytes in use. Absent without a payload. */
  payloadId: z.string().optional(),
  bytes: z.number(),
  createdMs: z.number(),
  /** Not started by then means failed. */
  deadlineMs: z.number(),
  startedMs: z.number().optional(),
  attempts: z.number(),
  maxAttempts: z.number(),
  history,
  /** When the last attempt began. Older releases do not write it. */
  claimedMs: z.number().optional(),
  /** Not claimed before then. */
  retryMs: z.number().optional(),
  /** Of the last attempt. */
  worker: z.string().optional(),
  /** A suspect from now on: it was too much for a lane, or for a process that held others too. */
  alone: z.boolean().optional(),
  /** Attempts that took too long, in a process that went on. */
  timeouts: z.number().optional(),
  /** Start tag of the fair queue, as text: JSON in Lua keeps 14 digits of a number only. */
  start: z.string(),
  /** By how much it moves the finish tag of its caller: cost ÷ weight (src/lib/queue/job-cost.ts). Text, as the start tag. */
  span: z.string().optional(),
  input: jobInputSchema,
  /** The job whose work this one shares: same bytes, model version, options and caller. */
  leader: z.string().optional(),
  /** How many deaths the shared work had behind it when this job joined it: the next of them is how this job ended. */
  round: z.number().optional(),
  /** How the work ended for those who shared it, each time that it was sent again as a dead letter. */
  deaths: z
    .array(
      z.object({
        error: jobErrorSchema,
        finishedMs: z.number(),
        attempts: z.number(),
        startedMs: z.number().optional(),
        claimedMs: z.number().optional(),
        worker: z.string().optional(),
        history,
      }),
    )
    .optional(),
  /** How many jobs share this one's work. */
  followers: z.number().optional(),
  /** The longest life, from their submit, of the tickets that share its work: its record lasts as long after any change. */
  sharedTtlMs: z.number().optional(),
  /** How this ticket ended while its work continues for its followers. */
  left: open({
    state: z.enum(["canceled", "failed"]),
    finishedMs: z.number(),
    error: jobErrorSchema.optional(),
    attempts: z.number(),
    startedMs: z.number().optional(),
    history,
  }).optional(),
  /** Where the end of this ticket is posted to. */
  webhookUrl: z.string().optional(),
  /** The result was cached. */
  cached: z.boolean().optional(),
  /** The token of the last attempt that ended without an outcome. */
  givenBackBy: z.string().optional(),
  /** Where a later submit of the same content finds this job. */
  contentKey: z.string().optional(),
  /** The model's version that its content key is of. The answer of a classifier with another version is not shared. */
  modelVersion: z.string().optional(),
}
const leased = {
  leaseToken: z.string(),
  worker: z.string(),
  startedMs: z.number(),
  /** How many jobs had to leave the worker's lanes, when it was claimed, before it would get one. */
  ahead: z.number().default(0),
}

/** One job and its state. Its record in Redis is JSON with `input`, `result` and `error` as nested JSON text. */
const jobSchema = z.discriminatedUnion("state", [
  open({ ...base, state: z.literal("queued") }),
  open({ ...base, state: z.literal("processing"), ...leased }),
  open({ ...base, state: z.literal("succeeded"), finishedMs: z.number(), result: jobResultSchema }),
  open({
    ...base,
    state: z.literal("failed"),
    finishedMs: z.number(),
    error: jobErrorSchema,
  }),
  open({ ...base, state: z.literal("canceled"), finishedMs: z.number() }),
])
export type Job = z.infer<typeof jobSchema>
export type ClaimedJob = Extract<Job, { state: "processing" }>

/** Whether an earlier attempt may have killed a process; for images at URLs, of which many run at once, only at the last attempt. */
export function isSuspect({ attempts, maxAttempts, payloadId, timeouts = 0, alone = false }: ClaimedJob): boolean {
  return alone || attempts - 1 - timeouts > (payloadId === undefined ? Math.max(0, maxAttempts - 2) : 0)
}

const OPAQUE = ["input", "result", "error"] as const

/** Opaque parts stay text for Lua, whose JSON would turn an empty list into an object and round numbers. */
export function encodeJob(job: Partial<Job>): string {
  const record: Record<string, unknown> = { ...job, ...(job.input && { input: withoutPayloadSource(job.input) }) }
  for (const field of OPAQUE) if (record[field] !== undefined) record[field] = JSON.stringify(record[field])
  return JSON.stringify(record)
}

/** @throws AppError job_unreadable when the text is no job that this release can read; its cause says why */
export function decodeJob(text: string): Job {
  try {
    const record = JSON.parse(text)
    for (const field of OPAQUE) if (typeof record[field] === "string") record[field] = JSON.parse(record[field])
    for (const end of [record.left, ...(record.deaths ?? [])]) {
      if (typeof end?.error === "string") end.error = JSON.parse(end.error)
    }
    return jobSchema.parse(record)
  } catch (error) {
    throw new AppError("job_unreadable", "Cannot read the job: another release has written it", { cause: error })
  }
}

/** The job, or null where decodeJob() throws. */
export function decodeIfReadable(text: string): Job | null {
  try {
    return decodeJob(text)
  } catch {
    return null // Callers skip it and continue with other jobs.
  }
}

/** Why a claimed job cannot be worked on here, or the job. */
export function decodeClaimed(text: string): ClaimedJob | { unreadable: string } {
  try {
    const job = decodeJob(text)
    if (job.state !== "processing") return { unreadable: `its state is ${job.state}` }
    const { operation, source } = job.input
    if (!isKnownSource(source)) return { unreadable: `this classifier does not know the source ${source.kind}` }
    if (isOperationName(operation.name)) return job
    return { unreadable: `this classifier does not know the operation ${operation.name}` }
  } catch (error) {
    const cause = error instanceof AppError ? error.cause : error
    // Paths and expectations, never values.
    const issues = cause instanceof z.ZodError ? cause.issues : []
    return { unreadable: issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ") || "no JSON" }
  }
}
