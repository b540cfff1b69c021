import { type AppError, isOutage } from "../../lib/app-error.ts"
import type { Log } from "../../lib/log.ts"
import { findWarnings } from "../../lib/queue/nearly-full.ts"
import { evictionProblem, readMemory } from "../../lib/redis/memory.ts"
import type { Redis } from "../../lib/redis/redis.ts"
import type { Reachability } from "../loops/until-reached.ts"

/** A Redis that answered so lately is not asked again: whoever probes must not cost a command each time. */
const FRESH_MS = 10_000

export type ReadinessOptions = {
  redis: Pick<Redis, "ping">
  reachability: Reachability
  /** That Redis may drop jobs, where that is known. */
  eviction: () => AppError | null
}

/** Whether a classifier can work. On a Redis that is full it can: that is how it drains. */
export class Readiness {
  readonly #options: ReadinessOptions
  #asking: Promise<void> | undefined

  constructor(options: ReadinessOptions) {
    this.#options = options
  }

  async problem(): Promise<AppError | null> {
    const { reachability, eviction } = this.#options
    if (reachability.failure !== null || performance.now() - reachability.answeredMs > FRESH_MS) {
      this.#asking ??= this.#ask().finally(() => {
        this.#asking = undefined
      })
      await this.#asking
    }
    return reachability.failure ?? eviction()
  }

  async #ask(): Promise<void> {
    const { redis, reachability } = this.#options
    try {
      await redis.ping()
      reachability.report(null)
    } catch (error) {
      if (!isOutage(error)) throw error
      reachability.report(error)
    }
  }
}

/** Looks now and then whether Redis may drop jobs, and says so. */
export class EvictionWatch {
  readonly #redis: Pick<Redis, "script">
  readonly #options: { allowed: boolean; log: Log }
  #problem: AppError | null = null

  constructor(redis: Pick<Redis, "script">, options: { allowed: boolean; log: Log }) {
    this.#redis = redis
    this.#options = options
  }

  get problem(): AppError | null {
    return this.#options.allowed ? null : this.#problem
  }

  /** @throws AppError redis_unavailable */
  async look(): Promise<void> {
    const memory = await readMemory(this.#redis)
    this.#problem = evictionProblem(memory)
    for (const { code, message } of findWarnings({ memory }))
      this.#options.log.warn("queue.nearly_full", { code, reason: message })
    if (this.#problem !== null) this.#options.log.error("redis.evicts", { error: this.#problem })
  }
}
