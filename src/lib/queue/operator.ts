import * as z from "zod"
import { counterFields, type Keys } from "../redis/keys.ts"
import { pairsOf } from "../redis/pairs-of.ts"
import type { Redis } from "../redis/redis.ts"
import { runScript, yesOrNo } from "../redis/run-script.ts"
import type { Script } from "../redis/script.ts"
import {
  DROP_DEAD,
  DROP_WAITING,
  LIMIT_MODEL,
  MOVE_WAITING,
  PAUSE,
  RESUME,
  REVIVE_DEAD,
  RUN_WHEN_FULL,
} from "../redis/scripts.ts"
import { decodeIfReadable, type Job } from "./job.ts"
import { type ModelLimit, modelLimitsSchema, type QueueLimits, readLimits } from "./model-limits.ts"
import type { StoreLimits } from "./queue-config.ts"
import { queuesOfModel } from "./queue-name.ts"
import { DRAINING } from "./registry.ts"

/** Without a job its record has expired, or cannot be read here; then `isUnreadable` says so. */
export type DeadLetter = { id: string; diedMs: number; job: Job | null; isUnreadable?: true }
const revived = z.enum(["queued", "missing", "payload_missing"])
export type Revived = z.infer<typeof revived>

/** What an operator does to the queue, with the token of its Redis. Every call throws AppError redis_unavailable. */
export class Operator {
  readonly #redis: Redis
  readonly #keys: Keys
  readonly #limits: StoreLimits

  constructor(redis: Redis, keys: Keys, limits: StoreLimits) {
    this.#redis = redis
    this.#keys = keys
    this.#limits = limits
  }

  /** Dead letters, the latest first. */
  async listDead({ offset = 0, count = 100 }: { offset?: number; count?: number } = {}): Promise<DeadLetter[]> {
    const rows = await this.#redis.zrange<(string | number)[]>(this.#keys.dead, offset, offset + count - 1, {
      rev: true,
      withScores: true,
    })
    const dead = pairsOf(rows).map(([id, diedMs]) => ({ id, diedMs: Number(diedMs) }))
    if (dead.length === 0) return []
    const texts = await this.#redis.mget<(string | null)[]>(...dead.map(({ id }) => this.#keys.job(id)))
    return dead.map((letter, i) => {
      const text = texts[i]
      if (typeof text !== "string") return { ...letter, job: null }
      const job = decodeIfReadable(text)
      return { ...letter, job, ...(job === null && { isUnreadable: true as const }) }
    })
  }

  countDead(): Promise<number> {
    return this.#redis.zcard(this.#keys.dead)
  }

  /** Sends a dead letter again, with a fresh set of attempts. Its ticket goes back to queued. */
  async retryDead(jobId: string, { nowMs, deadlineMs }: { nowMs: number; deadlineMs: number }): Promise<Revived> {
    const jobTtlMs = deadlineMs - nowMs + this.#limits.resultTtlMs + 10 * this.#limits.attemptMs
    const settings = { nowMs, deadlineMs, jobTtlMs }
    return this.#run(REVIVE_DEAD, [jobId, JSON.stringify(settings)], revived)
  }

  /** Forgets a dead letter and its image. Its ticket stays failed. False when there was none. */
  async dropDead(jobId: string): Promise<boolean> {
    return this.#run(DROP_DEAD, [jobId, this.#limits.resultTtlMs], yesOrNo)
  }

  /** How many jobs wait in a queue. */
  countWaiting(queue: string): Promise<number> {
    return this.#redis.zcard(this.#keys.queue(queue))
  }

  /** Fails what waits in a queue, of all callers. Returns how many jobs that were. */
  dropWaiting(queue: string, nowMs: number): Promise<number> {
    const message = `An operator has dropped what waited for ${queue}`
    const error = JSON.stringify({ code: "job_dropped", message })
    return this.#untilEmpty(DROP_WAITING, { queue, nowMs, resultTtlMs: this.#limits.resultTtlMs, error })
  }

  /** Moves what waits in a queue to another model. Returns how many jobs that were. */
  moveWaiting(queue: string, to: { queue: string; model: string }, nowMs: number): Promise<number> {
    return this.#untilEmpty(MOVE_WAITING, { queue, toQueue: to.queue, toModel: to.model, nowMs })
  }

  async #untilEmpty(script: Script, settings: Record<string, unknown>): Promise<number> {
    for (let total = 0; ; ) {
      const [cleared, jobs] = await this.#run(script, [JSON.stringify(settings)], z.tuple([z.number(), z.number()]))
      if (cleared === 0) return total
      total += jobs
    }
  }

  /** Stops claims, of one model or of all, until resume() of the same. Jobs in progress finish, and uploads are accepted. */
  async pause(model?: string): Promise<void> {
    if (model === undefined) await this.#run(PAUSE, [], z.null())
    else await this.limit(model, { paused: true })
  }

  async resume(model?: string): Promise<void> {
    if (model === undefined) await this.#run(RESUME, [], z.null())
    else await this.limit(model, { paused: false })
  }

  /** Changes what is set for a model, "@resize" for an operation without one; false takes it away. Returns what is set for any. */
  async limit(
    model: string,
    change: { paused?: boolean; concurrency?: number | false },
  ): Promise<Record<string, ModelLimit>> {
    const text = await this.#run(LIMIT_MODEL, [model, JSON.stringify(change)], z.string())
    return modelLimitsSchema.parse(JSON.parse(text || "{}"))
  }

  /** What is set now. */
  limits(): Promise<QueueLimits> {
    return readLimits({ redis: this.#redis, keys: this.#keys })
  }

  /** Has edges accept nothing new, or accept again. They see it with the registry, which they read every ten seconds. */
  async drain(isDraining: boolean): Promise<void> {
    const { registry } = this.#keys
    const args = ["HSET", registry, DRAINING, "1"]
    if (isDraining) await runScript(this.#redis, RUN_WHEN_FULL, { keys: [registry], args, reply: z.number() })
    else await this.#redis.hdel(registry, DRAINING)
  }

  /** What would be left behind by a new schema number: jobs, lists, and receivers that a webhook is still to be sent to. */
  async countLeft() {
    const { counters, leases, batches, outbox } = this.#keys
    const [waiting, limits, processing, open, receivers] = await Promise.all([
      this.#redis.hget(counters, counterFields.waiting),
      this.limits(),
      this.#redis.zcount(leases, "-inf", "(+inf"),
      this.#redis.zcard(batches),
      this.#redis.zcard(outbox),
    ])
    const pausedModels: string[] = []
    for (const [id, { paused }] of Object.entries(limits.models)) {
      const depths = paused ? await Promise.all(queuesOfModel(id).map((queue) => this.countWaiting(queue))) : []
      if (depths.some((depth) => depth > 0)) pausedModels.push(id)
    }
    return {
      waiting: Number(waiting ?? 0),
      processing,
      batches: open,
      receivers,
      paused: limits.isPaused,
      pausedModels,
    }
  }

  #run<T>(script: Script, args: readonly (string | number)[], reply: z.ZodType<T>): Promise<T> {
    return runScript(this.#redis, script, { keys: [this.#keys.prefix], args, reply })
  }
}
