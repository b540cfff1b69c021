import type { Redis } from "./redis.ts"

/** A reply that was slow on one way only is off by as much: of a few, the quickest is believed. */
const SAMPLES = 8
/** Clocks drift by less while those samples last: what is more, and no slow reply explains, is a step. */
const DRIFT_MS = 250
/** A wall clock that is slewed moves by less against the monotonic one between two corrections. */
const LOCAL_STEP_MS = 1_000

type Sample = { offsetMs: number; roundTripMs: number }

export type RedisClockOptions = {
  monotonicMs?: () => number
  wallMs?: () => number
  /** The time of Redis was found to have moved by so much against this machine: a failover, or the machine has slept. */
  onStep?: (byMs: number) => void
}

/** The time of Redis in milliseconds, carried forward by the monotonic clock, so that clock steps end no lease or deadline. */
export class RedisClock {
  readonly #redis: Redis
  readonly #monotonicMs: () => number
  readonly #wallMs: () => number
  readonly #onStep: (byMs: number) => void
  #offsetMs: number
  #samples: Sample[] = []
  #askedMs = Number.NEGATIVE_INFINITY
  #steppedMs = Number.NEGATIVE_INFINITY
  /** Wall clock less monotonic clock, when Redis was asked last. */
  #gapMs: number

  constructor(redis: Redis, options: RedisClockOptions = {}) {
    this.#redis = redis
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now())
    this.#wallMs = options.wallMs ?? Date.now
    this.#onStep = options.onStep ?? (() => undefined)
    this.#offsetMs = this.#gapMs = this.#wallMs() - this.#monotonicMs()
  }

  now = (): number => Math.round(this.#monotonicMs() + this.#offsetMs)

  /** How long ago the last step was noticed. Other machines may notice it only at their next correction. */
  steadyForMs(): number {
    return this.#monotonicMs() - this.#steppedMs
  }

  /** Asks Redis, `times` in a row. @throws AppError redis_unavailable; the old correction stays */
  async correct(times = 1): Promise<void> {
    for (let more = times; more > 0; more--) await this.#ask()
  }

  /**
   * Asks Redis when it has not been asked for so long, and at once when this machine's clocks disagree about the time since then:
   * one of them has stepped, or stood still while the machine slept. Otherwise it costs no command. @throws as correct()
   */
  async keep(maxAgeMs: number): Promise<void> {
    const isOld = this.#monotonicMs() - this.#askedMs >= maxAgeMs
    const hasStepped = Math.abs(this.#wallMs() - this.#monotonicMs() - this.#gapMs) > LOCAL_STEP_MS
    if (isOld || hasStepped) await this.#ask()
  }

  async #ask(): Promise<void> {
    const askedMs = this.#monotonicMs()
    const gapMs = this.#wallMs() - askedMs
    const [seconds, micros] = (await this.#redis.time()).map(Number)
    const roundTripMs = this.#monotonicMs() - askedMs
    const sample = {
      offsetMs: Number(seconds) * 1_000 + Number(micros) / 1_000 - askedMs - roundTripMs / 2,
      roundTripMs,
    }
    const believed = quickest(this.#samples)
    const byMs = believed === undefined ? 0 : sample.offsetMs - believed.offsetMs
    // Half a round trip is the most that a sample can be off.
    const isStep = Math.abs(byMs) > (roundTripMs + (believed?.roundTripMs ?? 0)) / 2 + DRIFT_MS
    this.#samples = [...(isStep ? [] : this.#samples), sample].slice(-SAMPLES)
    this.#offsetMs = (quickest(this.#samples) ?? sample).offsetMs
    this.#askedMs = askedMs
    this.#gapMs = gapMs
    if (!isStep) return
    this.#steppedMs = this.#monotonicMs()
    this.#onStep(Math.round(byMs))
  }
}

/** The latest of equals. */
const quickest = (samples: readonly Sample[]): Sample | undefined =>
  samples.toSorted((a, b) => b.roundTripMs - a.roundTripMs).at(-1)
