import * as z from "zod"
import { AppError } from "../app-error.ts"
import { chargeMsOf, MAX_CLOCK_SKEW_MS, type RateLimit, RateLimitedError, stepMsOf } from "../callers/rate-limit.ts"
import type { Keys } from "../redis/keys.ts"
import type { Redis } from "../redis/redis.ts"
import { instantOrNone, runScript, yesOrNo } from "../redis/run-script.ts"
import type { Script } from "../redis/script.ts"
import { CHARGE, CLAIM, ENQUEUE, FINISH, RENEW, RETRY, WITHDRAW } from "../redis/scripts.ts"
import { createSealer, type Sealer } from "../redis/sealed-bytes.ts"
import { type Claim, type Claimed, claimReply, type Finish, type Lease, type Outcome, type Retry } from "./claim.ts"
import {
  type ClaimedJob,
  decodeClaimed,
  decodeIfReadable,
  decodeJob,
  encodeJob,
  imageInfoSchema,
  type Job,
  type JobError,
} from "./job.ts"
import { BATCH_SHARE, finishTagStep, jobCost } from "./job-cost.ts"
import { type Enqueued, enqueueReply, type NewJob, readEnqueued } from "./new-job.ts"
import type { StoreLimits } from "./queue-config.ts"
import { encodeWakeUp } from "./wake-up-message.ts"

const ORPHAN_TTL_MS = 60_000

const chargeReply = z.tuple([z.enum(["charged", "rate_limited"]), instantOrNone])
const retried = z.enum(["queued", "dead", "lost"])
/** The state of a job after an attempt without an outcome. */
export type Retried = z.infer<typeof retried>
const withdrawReply = z.tuple([z.enum(["withdrawn", "finished", "missing", "started"]), z.string()])
export type Withdrawal = { status: z.infer<typeof withdrawReply>[0]; job: Job | null }

/** The queue in Redis. Every call is one request, safe to repeat, and throws AppError redis_unavailable. */
export class JobStore {
  readonly #redis: Redis
  readonly #keys: Keys
  readonly #limits: StoreLimits
  readonly #sealer: Sealer

  /** @param sealer of the images' bytes; without one they lie open in Redis */
  constructor(redis: Redis, keys: Keys, limits: StoreLimits, sealer: Sealer = createSealer([])) {
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

  /** @throws AppError queue_full, caller_queue_full, caller_bytes_full, results_full, rate_limited, redis_full; then nothing is kept */
  async enqueue({ weight, maxDepth, rateLimit, ...job }: NewJob): Promise<Enqueued> {
    const limits = { ...this.#limits, ...(maxDepth !== undefined && { maxDepthPerCaller: maxDepth }) }
    const payloadTtlMs = job.deadlineMs - job.createdMs + job.maxAttempts * limits.attemptMs
    const cost = jobCost(job.input)
    const settings = {
      ...limits,
      nowMs: job.createdMs,
      payloadTtlMs,
      jobTtlMs: payloadTtlMs + limits.resultTtlMs,
      ...(rateLimit && { rate: rateSettings(rateLimit, cost) }),
    }
    const bytes = job.input.image === undefined ? 0 : job.input.image.bytes + this.#sealer.overheadBytes
    const span = finishTagStep(cost, job.batch === undefined ? weight : weight * BATCH_SHARE)
    const record = encodeJob({ ...job, bytes, attempts: 0, start: "0", span, state: "queued" })
    const reply = await this.#run(ENQUEUE, [record, JSON.stringify(settings)], enqueueReply).catch(async (error) => {
      // Nothing was written, and its bytes are what Redis has no room for.
      if (error instanceof AppError && error.code === "redis_full" && job.payloadId !== undefined)
        await this.#redis.unlink(this.#keys.payload(job.payloadId as string))
      throw error
    })
    return readEnqueued(reply, { nowMs: job.createdMs, cost, rateLimit, limits })
  }

  /** Charges one unit for a submit that enqueues nothing itself. A repeat is charged again. @throws AppError rate_limited */
  async charge(caller: string, limit: RateLimit, nowMs: number): Promise<{ rateResetMs: number }> {
    const settings = { nowMs, rate: rateSettings(limit, 1) }
    const [status, reset] = await this.#run(CHARGE, [caller, JSON.stringify(settings)], chargeReply)
    const rateResetMs = reset ?? nowMs
    if (status === "rate_limited") throw new RateLimitedError(limit, { resetMs: rateResetMs, nowMs, cost: 1 })
    return { rateResetMs }
  }

  async claim(claim: Claim): Promise<Claimed> {
    const { resultTtlMs, deadTtlMs } = this.#limits
    const settings = { ...claim, resultTtlMs, deadTtlMs }
    const reply = await this.#run(CLAIM, [JSON.stringify(settings)], claimReply)
    const [texts, status, nextLeaseEndMs, empty, others] = reply
    const jobs: ClaimedJob[] = []
    const unreadable: Claimed["unreadable"] = []
    for (const text of texts) {
      const job = decodeClaimed(text)
      if ("unreadable" in job) unreadable.push(await this.#setAside(text, job.unreadable, claim))
      else jobs.push(job)
    }
    const reclaimed = others.flatMap((text) => decodeIfReadable(text) ?? [])
    return { jobs, status, nextLeaseEndMs, empty, reclaimed, unreadable }
  }

  /** One record that cannot be read must not keep its neighbours from their work. */
  async #setAside(text: string, why: string, { token, nowMs }: Claim): Promise<Claimed["unreadable"][number]> {
    const { id: jobId, queue } = JSON.parse(text) as { id: string; queue: string }
    const reason = `its record cannot be read here: ${why}`
    await this.retry({ jobId, token }, reason, { nowMs, counts: true, aside: true })
    return { jobId, queue, reason }
  }

  /** Moves the end of the leases to `untilMs`. Returns the leases that are lost. */
  async renew(leases: readonly Lease[], untilMs: number): Promise<Lease[]> {
    const args = [untilMs, ...leases.map(({ jobId, token }) => `${jobId}:${token}`)]
    const held = await this.#run(RENEW, args, z.array(yesOrNo))
    return leases.filter((_lease, i) => !held[i])
  }

  /** Stores the outcome. False if the lease is lost and the outcome dropped. With the claimed job it costs a command less. */
  async finish({ jobId, token, job, unpaid = 0 }: Finish, outcome: Outcome, nowMs: number): Promise<boolean> {
    const text =
      outcome.state === "succeeded"
        ? { state: outcome.state, result: JSON.stringify(outcome.result), version: outcome.result.modelVersion }
        : { state: outcome.state, error: JSON.stringify(outcome.error) }
    const claimed = job === undefined ? "" : encodeJob(outcome.state === "succeeded" ? withoutImage(job) : job)
    const args = [jobId, token, JSON.stringify(text), nowMs, this.#limits.resultTtlMs, claimed, unpaid]
    return this.#run(FINISH, args, yesOrNo)
  }

  /** Ends an attempt without an outcome: the job is tried again, or goes to the dead letters. */
  async retry({ jobId, token }: Lease, reason: string, options: Retry): Promise<Retried> {
    const settings = { ...options, deadTtlMs: this.#limits.deadTtlMs }
    return this.#run(RETRY, [jobId, token, reason, JSON.stringify(settings)], retried)
  }

  /** Cancels a ticket that has not finished, at once when it waits, at the lane's next stage when it is worked on. */
  cancel(jobId: string, nowMs: number): Promise<Withdrawal> {
    return this.#withdraw(jobId, { state: "canceled", finishedMs: nowMs }, "")
  }

  /** Fails a ticket that has not been started by its deadline. */
  expire(jobId: string, nowMs: number): Promise<Withdrawal> {
    const error: JobError = { code: "deadline_exceeded", message: "No classifier was free before the deadline" }
    return this.#withdraw(jobId, { state: "failed", finishedMs: nowMs, error: JSON.stringify(error) }, "queued")
  }

  async #withdraw(jobId: string, outcome: Record<string, unknown>, only: "queued" | ""): Promise<Withdrawal> {
    const args = [jobId, JSON.stringify(outcome), this.#limits.resultTtlMs, only]
    const [status, text] = await this.#run(WITHDRAW, args, withdrawReply)
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
    await this.#redis.publish(this.#keys.wakeChannel, encodeWakeUp({ kind: "queued", queue }))
  }

  #run<T>(script: Script, args: readonly (string | number)[], reply: z.ZodType<T>): Promise<T> {
    return runScript(this.#redis, script, { keys: [this.#keys.prefix], args, reply })
  }
}

/** What was known of the image when it came: a result has it, too. What a newer release knows of it, a result has not. */
function withoutImage(job: ClaimedJob): ClaimedJob {
  const { image, ...input } = job.input
  const isKnown = Object.keys(image ?? {}).every((key) => key in imageInfoSchema.shape)
  return isKnown ? { ...job, input } : job
}

function rateSettings(limit: RateLimit, cost: number) {
  const { windowMs } = limit
  return { windowMs, stepMs: stepMsOf(limit), chargeMs: chargeMsOf(limit, cost), maxSkewMs: MAX_CLOCK_SKEW_MS }
}
