import type { Log } from "../../lib/log.ts"
import type { Job } from "../../lib/queue/job.ts"
import { parseTraceparent } from "../../lib/trace/trace-context.ts"

/** What a claim did with a job whose lease had run out or that had waited too long, under its own id. Returns how its attempt ended. */
export function logReclaimed(log: Log, job: Job): "retried" | "failed" | "dead" {
  const { id: jobId, queue, attempts: attempt } = job
  const trace = parseTraceparent(job.input.trace)
  const about = { jobId, queue, attempt, ...(trace && { traceId: trace.traceId }) }
  if (job.state !== "failed") {
    log.warn("job.retried", { ...about, reason: "lease_expired" })
    return "retried"
  }
  const isDead = job.error.code === "attempts_exhausted"
  log[isDead ? "error" : "info"]("job.failed", { ...about, code: job.error.code, reason: job.error.message })
  return isDead ? "dead" : "failed"
}
