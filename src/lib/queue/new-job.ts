import * as z from "zod"
import { AppError, type ErrorCode } from "../app-error.ts"
import { type RateLimit, RateLimitedError } from "../callers/rate-limit.ts"
import { instantOrNone } from "../redis/run-script.ts"
import { decodeJob, type Job } from "./job.ts"
import type { StoreLimits } from "./queue-config.ts"

/** A job as the edge makes it, before the queue gives it a place. */
export type NewJob = Pick<
  Job,
  | "id"
  | "model"
  | "queue"
  | "caller"
  | "batch"
  | "payloadId"
  | "createdMs"
  | "deadlineMs"
  | "maxAttempts"
  | "input"
  | "contentKey"
  | "modelVersion"
  | "webhookUrl"
> & {
  weight: number
  /** Instead of the limit that holds for everybody. */
  maxDepth?: number
  /** The caller's rate limit, for jobs of submits. */
  rateLimit?: RateLimit | null
}

const accepted = z.enum(["queued", "known", "following", "exists"])
export type Enqueued = {
  status: z.infer<typeof accepted>
  job: Job
  position: number | null
  /** When the caller's rate limit is reset; null when it has none. */
  rateResetMs: number | null
}

/** The code of an upload's answer for each refusal of the script. */
const REFUSALS = {
  rate_limited: "rate_limited",
  cost_limited: "rate_limited",
  queue_full: "queue_full",
  caller_queue_full: "caller_queue_full",
  caller_bytes_full: "caller_bytes_full",
  results_full: "results_full",
  caller_results_full: "caller_bytes_full",
  payload_missing: "redis_unavailable",
} as const satisfies Record<string, ErrorCode>
export const REFUSAL_CODES = Object.values(REFUSALS)
type Refusal = keyof typeof REFUSALS
const refusal = z.enum(Object.keys(REFUSALS) as [Refusal])

/** Status, job, position, and when the rate is reset. */
export const enqueueReply = z.tuple([z.union([accepted, refusal]), z.string(), z.number(), instantOrNone])

type Asked = {
  nowMs: number
  cost: number
  rateLimit: RateLimit | null | undefined
  limits: StoreLimits
}

/** @throws AppError queue_full, caller_queue_full, caller_bytes_full, results_full, rate_limited; redis_unavailable when the bytes have expired meanwhile */
export function readEnqueued(reply: z.infer<typeof enqueueReply>, { nowMs, cost, rateLimit, limits }: Asked): Enqueued {
  const [status, text, position, rateResetMs] = reply
  switch (status) {
    case "queued":
    case "known":
    case "following":
    case "exists":
      return { status, job: decodeJob(text), position: position < 0 ? null : position, rateResetMs }
    case "rate_limited":
    case "cost_limited": {
      const charged = status === "cost_limited" ? cost : 1
      throw new RateLimitedError(rateLimit as RateLimit, { resetMs: rateResetMs ?? 0, nowMs, cost: charged })
    }
    default:
      throw new AppError(REFUSALS[status], `Cannot accept the job: ${reasonOf(status, limits)}`)
  }
}

function reasonOf(refusal: Exclude<Refusal, "rate_limited" | "cost_limited">, limits: StoreLimits): string {
  switch (refusal) {
    case "queue_full":
      return `the queue is at its limit of ${limits.maxDepth} jobs or ${limits.maxBytes} bytes`
    case "caller_queue_full":
      return `${limits.maxDepthPerCaller} of yours are waiting`
    case "caller_bytes_full":
      return `your waiting images together would exceed ${limits.callerShare * limits.maxBytes} bytes`
    case "caller_results_full":
      return `your results together would exceed ${limits.callerShare * limits.maxResultBytes} bytes`
    case "results_full":
      return `all results together would exceed ${limits.maxResultBytes} bytes (MAX_RESULT_BYTES)`
    case "payload_missing":
      return refusal
    default:
      return refusal satisfies never
  }
}
