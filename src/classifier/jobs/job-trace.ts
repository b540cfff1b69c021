import type { LogFields } from "../../lib/log.ts"
import type { ClaimedJob } from "../../lib/queue/job.ts"
import type { SpanAttributes } from "../../lib/trace/span.ts"
import { childOf, parseTraceparent, type TraceContext } from "../../lib/trace/trace-context.ts"
import type { Tracer } from "../../lib/trace/tracer.ts"

type Stage = { name: string; startMs: number; endMs: number; error?: string | undefined; attributes?: SpanAttributes }

/** One attempt at a job as its trace tells it: the wait, the attempt, and the attempt's stages below it. */
export class JobTrace {
  /** What every line of the log about the attempt carries. */
  readonly about: LogFields
  readonly #tracer: Tracer
  readonly #job: ClaimedJob
  readonly #now: () => number
  /** The edge's step, and ours; none for a job of an edge that traced nothing. */
  readonly #steps: { edge: TraceContext; attempt: TraceContext } | null
  readonly #startMs: number

  constructor(job: ClaimedJob, { tracer, now }: { tracer: Tracer; now: () => number }) {
    const edge = parseTraceparent(job.input.trace)
    this.#steps = edge && { edge, attempt: childOf(edge) }
    this.about = {
      jobId: job.id,
      queue: job.queue,
      attempt: job.attempts,
      ...(edge && { traceId: edge.traceId }),
    }
    this.#tracer = tracer
    this.#job = job
    this.#now = now
    this.#startMs = now()
    // The start of a later attempt's wait is not recorded.
    if (job.attempts === 1) this.#recordWait(job)
  }

  /** A step of the attempt that is over: `ms` long, and ended now unless `endMs` says otherwise. */
  stage(name: string, ms: number, { endMs = this.#now(), error }: { endMs?: number; error?: string } = {}): void {
    if (this.#steps) this.#record(this.#steps.attempt, { name, startMs: endMs - ms, endMs, error })
  }

  /** @param outcome as the metrics call it; `error` is a code, when it is no success */
  end(outcome: string, error?: string): void {
    if (this.#steps === null) return
    const { queue, attempts, id, batch, model, input } = this.#job
    this.#tracer.record({
      context: this.#steps.attempt,
      parentSpanId: this.#steps.edge.spanId,
      name: `process ${input.operation.name}`,
      kind: "consumer",
      startMs: this.#startMs,
      endMs: this.#now(),
      error,
      attributes: {
        "claimcheck.job_id": id,
        "claimcheck.queue": queue,
        "claimcheck.attempt": attempts,
        "claimcheck.outcome": outcome,
        ...(model !== undefined && { "claimcheck.model": model }),
        ...(batch !== undefined && { "claimcheck.batch_id": batch.id }),
      },
    })
  }

  #recordWait({ id, createdMs, startedMs }: ClaimedJob): void {
    if (this.#steps === null) return
    const attributes = { "claimcheck.job_id": id }
    this.#record(this.#steps.edge, { name: "queue wait", startMs: createdMs, endMs: startedMs, attributes })
  }

  #record(parent: TraceContext, stage: Stage): void {
    this.#tracer.record({ ...stage, context: childOf(parent), parentSpanId: parent.spanId, kind: "internal" })
  }
}
