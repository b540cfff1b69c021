import * as z from "zod"
import type { ImageInfo, Job, JobResult, OutputInfo } from "../queue/job.ts"
import { locationOf } from "../queue/job-source.ts"
import type { Pause } from "../queue/model-limits.ts"
import type { PollHint } from "../queue/poll-hint.ts"

const instant = z.iso.datetime()

/** A ticket on the wire. Clients loop until `done`, so that a status added later cannot hang them. */
export const ticketSchema = z
  .object({
    id: z.string().meta({ description: "Id of the ticket; whoever has it may read and cancel an anonymous ticket" }),
    status: z
      .enum(["queued", "processing", "succeeded", "failed", "canceled"])
      .meta({ description: "State of the job; poll until `done`, not for a status" }),
    done: z.boolean().meta({ description: "Whether the ticket is final" }),
    operation: z.string().meta({ description: "What is done with the picture", examples: ["classify"] }),
    model: z
      .object({ id: z.string(), version: z.string().optional() })
      .optional()
      .meta({ description: "Absent if the operation uses no model" }),
    created_at: instant,
    started_at: instant.optional().meta({
      description: "Time of the latest claim; `created_at` if that was earlier, for a ticket that shares another's job",
    }),
    finished_at: instant.optional(),
    attempts: z.number().int().meta({ description: "Number of attempts" }),
    attempt_history: z
      .array(
        z.object({
          attempt: z.number().int().meta({ description: "From 1" }),
          started_at: instant,
          ended_at: instant,
          classifier: z.string().meta({ description: "Name of the classifier process" }),
          reason: z.string().optional().meta({ description: "Why it failed; absent if it succeeded" }),
        }),
      )
      .optional()
      .meta({ description: "The attempts that have ended, the latest ten or so. Absent if the first one succeeded" }),
    retry_of: z.string().optional().meta({ description: "Id of the failed ticket that this one is a retry of" }),
    cached: z.boolean().optional().meta({ description: "The result was cached from an earlier upload of yours" }),
    queue: z
      .object({
        position: z.number().int().nullable().meta({ description: "Number of jobs before this one" }),
        eta_ms: z.number().int().nullable().meta({ description: "Estimated milliseconds until it is done" }),
        classifiers: z.number().int().meta({ description: "Classifiers that serve the model now" }),
        notice: z
          .string()
          .optional()
          .meta({ description: "Present when no classifier serves the model, or it or the queue is paused" }),
        retry_at: instant.optional().meta({ description: "After a failed attempt: the next one begins no earlier" }),
      })
      .optional(),
    poll_after_ms: z.number().int().optional().meta({ description: "Milliseconds to wait before the next poll" }),
    predictions: z
      .array(
        z.object({
          label: z.string(),
          probability: z.number().meta({ description: "0 to 1" }),
          class_index: z.number().int().meta({ description: "Index of the class, from 0" }),
        }),
      )
      .optional()
      .meta({ description: "Best first" }),
    unknown: z
      .boolean()
      .optional()
      .meta({ description: "True if the model is not sure enough of any class, by the threshold in its manifest" }),
    scores: z.array(z.number()).optional().meta({ description: "The probability of every class, by class index" }),
    features: z
      .union([z.array(z.number()), z.string()])
      .optional()
      .meta({ description: "Result of `embed`: numbers, or base64 of float32, little-endian" }),
    output: z
      .object({
        url: z.string().meta({ description: "URL of the file: on this server, or in a bucket" }),
        content_type: z.string(),
        bytes: z.number().int(),
        sha256: z.string(),
        width: z.number().int().optional(),
        height: z.number().int().optional(),
      })
      .optional()
      .meta({ description: "The file that the operation made" }),
    image: z
      .object({
        format: z.string(),
        width: z.number().int(),
        height: z.number().int(),
        bytes: z.number().int(),
        sha256: z
          .string()
          .optional()
          .meta({ description: "Absent for an image at a URL of which only the header was read" }),
        orientation: z.number().int(),
        frames: z.number().int().optional(),
      })
      .optional()
      .meta({ description: "Absent until an image at a URL was fetched" }),
    image_url: z.string().optional().meta({ description: "URL of the image" }),
    timings_ms: z
      .object({
        queued: z.number(),
        fetch: z.number().optional(),
        decode: z.number().optional(),
        infer: z.number().optional(),
        total: z.number(),
      })
      .optional()
      .meta({ description: "Milliseconds from `created_at` to the end, and its measured parts" }),
    error: z
      .object({ code: z.string().meta({ description: "Branch on this" }), message: z.string() })
      .optional()
      .meta({ description: "Reason of the failure" }),
  })
  .meta({ id: "Ticket" })
export type Ticket = z.infer<typeof ticketSchema>

/** A job as its ticket tells it: with the state of the work it shares, unless it left that work. */
export function resolveJob(job: Job, leader: Job | null): Job {
  if (job.left) {
    const { state, error, ...end } = job.left
    const then = { ...withoutAttempts(job), ...end }
    return state === "canceled"
      ? { ...then, state }
      : { ...then, state, error: error ?? { code: "internal", message: "The reason was not kept" } }
  }
  if (leader === null || job.state !== "queued") return job
  const { id, input, createdMs, deadlineMs } = job
  const own = { id, input, createdMs, deadlineMs, leader: leader.id }
  const death = leader.deaths?.[job.round ?? 0]
  if (death === undefined) return { ...leader, ...own }
  return { ...withoutAttempts(leader), ...death, ...own, state: "failed" }
}

/** What is said of the attempts was so at another time. */
function withoutAttempts({ startedMs: _started, claimedMs: _claimed, history: _history, ...rest }: Job) {
  return rest
}

/** What is known of the wait, while a ticket is not done. */
export type Wait = PollHint & { position: number | null; classifiers: number; pause?: Pause }

export function toTicket(job: Job, wait: Wait | null): Ticket {
  const { image } = job.input
  const location = locationOf(job.input.source)
  // The edge stamps the creation, and its clock can be ahead of Redis': nothing is before it.
  const sinceCreation = (ms: number) => isoInstant(Math.max(ms, job.createdMs))
  const ticket: Ticket = {
    id: job.input.ticketId,
    status: job.state,
    done: true,
    operation: job.input.operation.name,
    ...(job.model !== undefined && { model: modelOf(job, job.model) }),
    created_at: isoInstant(job.createdMs),
    ...(job.startedMs !== undefined && { started_at: sinceCreation(job.startedMs) }),
    attempts: job.attempts,
    ...historyOf(job, sinceCreation),
    ...(job.input.retryOf !== undefined && { retry_of: job.input.retryOf }),
    ...(job.cached === true && { cached: true }),
    ...(image !== undefined && { image: imageOf(image) }),
    ...(location !== undefined && { image_url: location }),
  }
  switch (job.state) {
    case "queued":
    case "processing": {
      ticket.done = false
      if (wait !== null) {
        ticket.queue = {
          position: wait.position,
          eta_ms: wait.etaMs,
          classifiers: wait.classifiers,
          ...(job.state === "queued" && job.retryMs !== undefined && { retry_at: isoInstant(job.retryMs) }),
          ...withNotice(job.model ?? job.input.operation.name, job.deadlineMs, wait),
        }
        ticket.poll_after_ms = wait.pollAfterMs
      }
      return ticket
    }
    case "succeeded":
      Object.assign(ticket, answerOf(job.result))
      break
    case "failed":
      ticket.error = job.error
      break
    case "canceled":
      break
    default:
      job satisfies never
  }
  ticket.finished_at = sinceCreation(job.finishedMs)
  const queued = Math.max(0, (job.startedMs ?? job.finishedMs) - job.createdMs)
  const stages = job.state === "succeeded" && job.cached !== true ? job.result.timingsMs : {}
  ticket.timings_ms = { queued, ...stages, total: Math.max(0, job.finishedMs - job.createdMs) }
  return ticket
}

/** The attempts that have ended. The scripts keep those without an outcome; the last of a job that is done is in its own record. */
function historyOf(job: Job, toInstant: (ms: number) => string): Pick<Ticket, "attempt_history"> {
  const ended: Omit<NonNullable<Job["history"]>[number], "reason">[] = [...(job.history ?? [])]
  const { attempts: attempt, claimedMs: startedMs, worker } = job
  const isLastKept = attempt <= (ended.at(-1)?.attempt ?? 0)
  if ("finishedMs" in job && !isLastKept && startedMs !== undefined && worker !== undefined) {
    const reason = job.state === "failed" ? job.error.message : job.state === "canceled" ? "it was canceled" : undefined
    if (ended.length > 0 || reason !== undefined)
      ended.push({ attempt, startedMs, endedMs: job.finishedMs, worker, ...(reason !== undefined && { reason }) })
  }
  if (ended.length === 0) return {}
  return {
    attempt_history: ended.map(({ attempt, startedMs, endedMs, worker, ...rest }) => ({
      attempt,
      started_at: toInstant(startedMs),
      ended_at: toInstant(endedMs),
      classifier: worker,
      ...rest,
    })),
  }
}

/** What a ticket says while the queue or its model is paused, or no classifier is there for it. */
export function withNotice(
  what: string,
  deadlineMs: number,
  { classifiers, pause = null }: { classifiers?: number | undefined; pause?: Pause | undefined },
): { notice?: string } {
  const until = `until ${isoInstant(deadlineMs)}, then what waits fails`
  if (pause !== null)
    return { notice: `${pause === "all" ? "The queue" : what} is paused: what waits is kept ${until}` }
  return classifiers === 0 ? { notice: `No classifier serves ${what} now: it is waited for ${until}` } : {}
}

function modelOf(job: Job, id: string): { id: string; version?: string } {
  const version = job.state === "succeeded" ? job.result.modelVersion : undefined
  return { id, ...(version !== undefined && { version }) }
}

/** What a result is on the wire, in a ticket and in a batch's row. */
export function answerOf({
  predictions,
  unknown,
  scores,
  features,
  output,
  image,
}: JobResult): Pick<Ticket, "image" | "predictions" | "unknown" | "scores" | "features" | "output"> {
  return {
    image: imageOf(image),
    ...(predictions !== undefined && {
      predictions: predictions.map(({ label, probability, classIndex }) => {
        return { label, probability, class_index: classIndex }
      }),
    }),
    ...(unknown !== undefined && { unknown }),
    ...(scores !== undefined && { scores }),
    ...(features !== undefined && { features }),
    ...(output !== undefined && { output: toTicketOutput(output) }),
  }
}

/** The ticket with whole links: a path of ours begins with `base`, as PUBLIC_URL has it. A bucket's link is whole already. */
export function withLinks<T extends Pick<Ticket, "output">>(ticket: T, base: string): T {
  const { output } = ticket
  return output?.url.startsWith("/") ? { ...ticket, output: { ...output, url: base + output.url } } : ticket
}

// Parsed: what a newer release keeps in a record beside these is no part of this API.
const imageOf = (image: ImageInfo): Ticket["image"] => ticketSchema.shape.image.parse(image)

function toTicketOutput({ id, url, contentType, ...info }: OutputInfo): Ticket["output"] {
  return ticketSchema.shape.output.parse({ url: url ?? `/v1/outputs/${id}`, content_type: contentType, ...info })
}

/** A weak ETag over what does not move by itself: place in the queue and hints are left out. Why it waits is news. */
export function ticketETag({ status, attempts, started_at = "", finished_at = "", queue }: Ticket): string {
  const notice = encodeURIComponent(queue?.notice ?? "")
  return `W/"${[status, attempts, started_at, finished_at, notice].join(".")}"`
}

const isoInstant = (ms: number) => new Date(ms).toISOString()
