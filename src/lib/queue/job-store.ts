import { AppError } from "../app-error.ts"
import { chargeMsOf, MAX_CLOCK_SKEW_MS, type RateLimit, RateLimitedError, stepMsOf } from "../callers/rate-limit.ts"
import type { RedisRest } from "../redis/redis.ts"
import type { Script } from "../redis/script.ts"
import { CHARGE, CLAIM, ENQUEUE, FINISH, RENEW, RETRY, WITHDRAW } from "../redis/scripts.ts"
import { createSealer, type Sealer } from "../redis/sealed-bytes.ts"
import {
  type ClaimedJob,
  decodeClaimed,
  decodeIfReadable,
  decodeJob,
  encodeJob,
  type Job,
  type JobError,
  type JobResult,
} from "./job.ts"
import { jobCost, spanOf } from "./job-cost.ts"
import type { Keys } from "./keys.ts"

/** How long things live and how much may wait. Times in milliseconds. */
export type StoreLimits = {
  resultTtlMs: number
  deadTtlMs: number
  /** What one attempt may take at most, lease included; bytes outlive a job's deadline by that much per attempt. */
  attemptMs: number
  maxDepth: number
  maxDepthPerCaller: number
  maxBytes: number
}

const ORPHAN_TTL_MS = 60_000
/** Of what all callers share in bytes, one of them has at most this part. */
export const CALLER_SHARE = 0.5
/** The rows of a caller's batches together, beside one single job of the same caller. */
export const BATCH_SHARE = 0.25

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

export type Enqueued = {
  status: "queued" | "known" | "following" | "exists"
  job: Job
  position: number | null
  /** When the caller's rate limit is whole again; null when it has none. */
  rateWholeMs: number | null
}

export type Claim = {
  worker: string
  /** Tried in this order. */
  queues: readonly string[]
  /** Those of them that are known to be empty. */
  skip?: readonly string[]
  max: number
  nowMs: number
  leaseMs: number
  /** Made by the caller, so that the same claim sent again returns the same jobs. */
  token: string
  /** The worker holds no other job. Only then is a job handed out whose earlier attempt ended without an answer. */
  handEmpty: boolean
  /** How many jobs must leave the worker's lanes before the first of these gets one; less than 0 when lanes are free. */
  ahead?: number
  /** The reply to this very claim was lost: look for what it took before taking more. */
  again?: boolean
  /** Look for leases that ran out. */
  reap?: boolean
  /** What the registry should know of the worker (src/lib/queue/registry.ts). */
  beat?: string
}
export type Claimed = {
  jobs: ClaimedJob[]
  status: "more" | "drain" | "empty" | "paused"
  nextLeaseEndMs: number | null
  /** Those of the claim's queues that hold nothing now. */
  dry: string[]
  /** Other jobs, whose lease had run out or whose deadline was over: as the claim left them. */
  moved: Job[]
  /** What could not be read here, and went to the dead letters alone. */
  unreadable: { jobId: string; reason: string }[]
}

export type Lease = { jobId: string; token: string }
export type Outcome = { state: "succeeded"; result: JobResult } | { state: "failed"; error: JobError }
export type Retry = {
  nowMs: number
  /** False takes the attempt back. */
  counts: boolean
  /** From now on it is handed out alone. */
  alone?: boolean
  /** It took too long, in a process that went on: that makes it no suspect. */
  timedOut?: boolean
  /** One attempt more at most, however many there could be. */
  onceMore?: boolean
  /** To the dead letters at once. */
  aside?: boolean
}
export type Left = { status: "withdrawn" | "finished" | "missing" | "started"; job: Job | null }

/** The queue in Redis. Every call is one request, safe to repeat, and throws AppError redis_unavailable. */
export class JobStore {
  readonly #redis: RedisRest
  readonly #keys: Keys
  readonly #limits: StoreLimits
  readonly #sealer: Sealer

  /** @param sealer of the images' bytes; without one they lie open in Redis */
  constructor(redis: RedisRest, keys: Keys, limits: StoreLimits, sealer: Sealer = createSealer([])) {
    this.#redis = redis
    this.#keys = keys
    this.#limits = limits
    this.#sealer = sealer
  }

  /** Bytes go first and live for a minute only; enqueue() makes them stay. */
  async putPayload(payloadId: string, bytes: Uint8Array): Promise<void> {
    const sealed = await this.#sealer.seal(bytes, payloadId)
    return this.#redis.setBytes(this.#keys.payload(payloadId), sealed, ORPHAN_TTL_MS)
  }

  /** @throws AppError payload_unreadable when they are sealed, and cannot be opened here */
  async getPayload(payloadId: string): Promise<Uint8Array | null> {
    const bytes = await this.#redis.getBytes(this.#keys.payload(payloadId))
    return bytes && this.#sealer.open(bytes, payloadId)
  }

  /** @throws AppError queue_full, caller_queue_full, rate_limited, redis_full; then nothing is kept */
  async enqueue({ weight, maxDepth, rateLimit, ...job }: NewJob): Promise<Enqueued> {
    const limits = this.#limits
    const payloadTtlMs = job.deadlineMs - job.createdMs + job.maxAttempts * limits.attemptMs
    const cost = jobCost(job.input)
    const settings = {
      nowMs: job.createdMs,
      payloadTtlMs,
      jobTtlMs: payloadTtlMs + limits.resultTtlMs,
      resultTtlMs: limits.resultTtlMs,
      maxDepth: limits.maxDepth,
      maxDepthPerCaller: maxDepth ?? limits.maxDepthPerCaller,
      maxBytes: limits.maxBytes,
      ...(rateLimit && { rate: rateSettings(rateLimit, cost) }),
    }
    const bytes = job.input.image === undefined ? 0 : job.input.image.bytes + this.#sealer.overheadBytes
    const span = spanOf(cost, job.batch === undefined ? weight : weight * BATCH_SHARE)
    const record = encodeJob({ ...job, bytes, attempts: 0, start: "0", span, state: "queued" })
    const reply = await this.#run(ENQUEUE, [record, JSON.stringify(settings)]).catch(async (error) => {
      // Nothing was written, and its bytes are what Redis has no room for.
      if (error instanceof AppError && error.code === "redis_full" && job.payloadId !== undefined)
        await this.#redis.unlink(this.#keys.payload(job.payloadId as string))
      throw error
    })
    const [status, text, position, whole] = reply as [string, string, number, string]
    const rateWholeMs = whole === "" ? null : Number(whole)
    switch (status) {
      case "queued":
      case "known":
      case "following":
      case "exists":
        return { status, job: decodeJob(text), position: position < 0 ? null : position, rateWholeMs }
      case "rate_limited":
      case "cost_limited":
        throw new RateLimitedError(rateLimit as RateLimit, {
          wholeMs: rateWholeMs ?? 0,
          nowMs: job.createdMs,
          cost: status === "cost_limited" ? cost : 1,
        })
      case "queue_full":
        throw new AppError(
          "queue_full",
          `Cannot accept the job: the queue is at its limit of ${limits.maxDepth} jobs or ${limits.maxBytes} bytes`,
        )
      case "caller_queue_full":
        throw new AppError(
          "caller_queue_full",
          `Cannot accept the job: ${settings.maxDepthPerCaller} of yours are waiting`,
        )
      default:
        throw new AppError("redis_unavailable", `Cannot accept the job: ${status}`)
    }
  }

  /** Counts a submit that enqueues nothing by itself, as one unit. Repeated it counts again. @throws AppError rate_limited */
  async charge(caller: string, limit: RateLimit, nowMs: number): Promise<{ rateWholeMs: number }> {
    const settings = { nowMs, rate: rateSettings(limit, 1) }
    const [status, whole] = (await this.#run(CHARGE, [caller, JSON.stringify(settings)])) as [string, string]
    if (status === "rate_limited") throw new RateLimitedError(limit, { wholeMs: Number(whole), nowMs, cost: 1 })
    return { rateWholeMs: Number(whole) }
  }

  async claim(claim: Claim): Promise<Claimed> {
    const { resultTtlMs, deadTtlMs } = this.#limits
    const { handEmpty, reap, beat, ...same } = claim
    const settings = { ...same, isIdle: handEmpty, reclaims: reap, heartbeat: beat, resultTtlMs, deadTtlMs }
    const reply = await this.#run(CLAIM, [JSON.stringify(settings)])
    const [texts, status, nextLeaseEnd, dry, moved] = reply as [string[], Claimed["status"], string, string[], string[]]
    const jobs: ClaimedJob[] = []
    const unreadable: Claimed["unreadable"] = []
    for (const text of texts) {
      const job = decodeClaimed(text)
      if ("unreadable" in job) unreadable.push(await this.#setAside(text, job.unreadable, claim))
      else jobs.push(job)
    }
    const nextLeaseEndMs = nextLeaseEnd === "" ? null : Number(nextLeaseEnd)
    return {
      jobs,
      status,
      nextLeaseEndMs,
      dry,
      moved: moved.flatMap((text) => decodeIfReadable(text) ?? []),
      unreadable,
    }
  }

  /** One record that cannot be read must not keep its neighbours from their work. */
  async #setAside(text: string, why: string, { token, nowMs }: Claim): Promise<Claimed["unreadable"][number]> {
    const { id: jobId } = JSON.parse(text) as { id: string }
    const reason = `its record cannot be read here: ${why}`
    await this.retry({ jobId, token }, reason, { nowMs, counts: true, aside: true })
    return { jobId, reason }
  }

  /** Moves the end of the leases to `untilMs`. Returns the leases that are lost. */
  async renew(leases: readonly Lease[], untilMs: number): Promise<Lease[]> {
    const reply = await this.#run(RENEW, [untilMs, ...leases.map(({ jobId, token }) => `${jobId}:${token}`)])
    return leases.filter((_lease, i) => (reply as number[])[i] !== 1)
  }

  /**
   * Stores the outcome. False when the lease is lost and the outcome was dropped. With the job as it was claimed, it costs a
   * command less.
   */
  async finish({ jobId, token, job }: Lease & { job?: ClaimedJob }, outcome: Outcome, nowMs: number): Promise<boolean> {
    const text =
      outcome.state === "succeeded"
        ? { state: outcome.state, result: JSON.stringify(outcome.result), version: outcome.result.modelVersion }
        : { state: outcome.state, error: JSON.stringify(outcome.error) }
    const claimed = job === undefined ? "" : encodeJob(job)
    const args = [jobId, token, JSON.stringify(text), nowMs, this.#limits.resultTtlMs, claimed]
    return (await this.#run(FINISH, args)) === 1
  }

  /** Ends an attempt without an outcome: the job is tried again, or goes to the dead letters. False when the lease is lost. */
  async retry({ jobId, token }: Lease, reason: string, options: Retry): Promise<boolean> {
    const settings = { ...options, deadTtlMs: this.#limits.deadTtlMs }
    return (await this.#run(RETRY, [jobId, token, reason, JSON.stringify(settings)])) === 1
  }

  /** Cancels a ticket that has not finished, at once when it waits, at the lane's next stage when it is worked on. */
  cancel(jobId: string, nowMs: number): Promise<Left> {
    return this.#leave(jobId, { state: "canceled", finishedMs: nowMs }, "")
  }

  /** Fails a ticket that has not been started by its deadline. */
  expire(jobId: string, nowMs: number): Promise<Left> {
    const error: JobError = { code: "deadline_exceeded", message: "No classifier was free before the deadline" }
    return this.#leave(jobId, { state: "failed", finishedMs: nowMs, error: JSON.stringify(error) }, "queued")
  }

  async #leave(jobId: string, outcome: Record<string, unknown>, only: "queued" | ""): Promise<Left> {
    const args = [jobId, JSON.stringify(outcome), this.#limits.resultTtlMs, only]
    const [status, text] = (await this.#run(WITHDRAW, args)) as [Left["status"], string]
    return { status, job: text === "" ? null : decodeJob(text) }
  }

  /** The job as stored, or null. */
  async read(jobId: string): Promise<Job | null> {
    const text = await this.#redis.get(this.#keys.job(jobId))
    return typeof text === "string" ? decodeJob(text) : null
  }

  /** How many jobs of its queue are claimed before this one, or null when it does not wait. */
  async position(job: Job): Promise<number | null> {
    const member = `${job.id} ${job.bytes} ${job.caller}`
    return this.#redis.zrank(this.#keys.queue(job.queue), member)
  }

  /** Says to all classifiers that something may be in the queue. A hint: it may be lost, or be for nothing. */
  async wakeClassifiers(queue: string): Promise<void> {
    await this.#redis.publish(this.#keys.wakeChannel, `queued:${queue}`)
  }

  #run(script: Script, args: readonly (string | number)[]): Promise<unknown> {
    return this.#redis.script(script, [this.#keys.prefix], args)
  }
}

function rateSettings(limit: RateLimit, cost: number) {
  const { windowMs } = limit
  return { windowMs, stepMs: stepMsOf(limit), chargeMs: chargeMsOf(limit, cost), maxSkewMs: MAX_CLOCK_SKEW_MS }
}
