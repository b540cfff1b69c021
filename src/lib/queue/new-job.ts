import * as z from "zod"
import { AppError } from "../app-error.ts"
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
  /** How often its caller may submit. Whatever a job is made for but a submit has none. */
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

const refusals = [
  "rate_limited",
  "cost_limited",
  "queue_full",
  "caller_queue_full",
  "caller_bytes_full",
  "results_full",
  "caller_results_full",
  "payload_missing",
] as const
/** Status, job, position, and when the rate is reset. */
export const enqueueReply = z.tuple([z.enum([...accepted.options, ...refusals]), z.string(), z.number(), instantOrNone])

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
    case "queue_full": {
      const message = `Cannot accept the job: the queue is at its limit of ${limits.maxDepth} jobs or ${limits.maxBytes} bytes`
      throw new AppError("queue_full", message)
    }
    case "caller_queue_full":
      throw new AppError("caller_queue_full", `Cannot accept the job: ${limits.maxDepthPerCaller} of yours are waiting`)
    case "caller_bytes_full": {
      const message = `Cannot accept the job: your waiting images together would exceed ${limits.callerShare * limits.maxBytes} bytes`
      throw new AppError("caller_bytes_full", message)
    }
    case "caller_results_full": {
      const message = `Cannot accept the job: your results together would exceed ${limits.callerShare * limits.maxResultBytes} bytes`
      throw new AppError("caller_bytes_full", message)
    }
    case "results_full": {
      const message = `Cannot accept the job: all results together would exceed ${limits.maxResultBytes} bytes (MAX_RESULT_BYTES)`
      throw new AppError("results_full", message)
    }
    case "payload_missing":
      throw new AppError("redis_unavailable", `Cannot accept the job: ${status}`)
    default:
      return status satisfies never
  }
}
