import type { RedisRest } from "../lib/redis.ts"

/**
 * The time of Redis, in milliseconds, carried forward by the monotonic clock: leases of several machines are compared, and a
 * wall clock that jumps must not end them.
 */
export class RedisClock {
  readonly #redis: RedisRest
  readonly #monotonicMs: () => number
  #offsetMs = Date.now() - performance.now()

  constructor(redis: RedisRest, monotonicMs: () => number = () => performance.now()) {
    this.#redis = redis
    this.#monotonicMs = monotonicMs
  }

  now = (): number => Math.round(this.#monotonicMs() + this.#offsetMs)

  /** Asks Redis. @throws AppError redis_unavailable; the old correction stays */
  async correct(): Promise<void> {
    const askedMs = this.#monotonicMs()
    const [seconds, micros] = (await this.#redis.call((sdk) => sdk.time())).map(Number)
    const middleMs = (askedMs + this.#monotonicMs()) / 2
    this.#offsetMs = Number(seconds) * 1_000 + Number(micros) / 1_000 - middleMs
  }
}
