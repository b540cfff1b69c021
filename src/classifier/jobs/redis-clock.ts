import type { RedisRest } from "../../lib/redis/redis.ts"

/** A reply that was slow on one way only is off by as much: of a few, the quickest is believed. */
const SAMPLES = 8

/**
 * The time of Redis, in milliseconds, carried forward by the monotonic clock: leases of several machines are compared, and a
 * wall clock that jumps must not end them.
 */
export class RedisClock {
  readonly #redis: RedisRest
  readonly #monotonicMs: () => number
  #offsetMs = Date.now() - performance.now()
  #samples: { offsetMs: number; roundTripMs: number }[] = []

  constructor(redis: RedisRest, monotonicMs: () => number = () => performance.now()) {
    this.#redis = redis
    this.#monotonicMs = monotonicMs
  }

  now = (): number => Math.round(this.#monotonicMs() + this.#offsetMs)

  /** Asks Redis, thrice at first. @throws AppError redis_unavailable; the old correction stays */
  async correct(): Promise<void> {
    for (let more = this.#samples.length === 0 ? 3 : 1; more > 0; more--) await this.#ask()
  }

  async #ask(): Promise<void> {
    const askedMs = this.#monotonicMs()
    const [seconds, micros] = (await this.#redis.call((sdk) => sdk.time())).map(Number)
    const roundTripMs = this.#monotonicMs() - askedMs
    const offsetMs = Number(seconds) * 1_000 + Number(micros) / 1_000 - askedMs - roundTripMs / 2
    this.#samples = [...this.#samples, { offsetMs, roundTripMs }].slice(-SAMPLES)
    const quickest = this.#samples.reduce((best, sample) => (sample.roundTripMs <= best.roundTripMs ? sample : best))
    this.#offsetMs = quickest.offsetMs
  }
}
