import { AppError } from "../../lib/app-error.ts"
import { PREFIX48_SHARE, prefix48Of } from "../../lib/callers/caller-id.ts"
import { chargeMsOf, RateLimitedError, remainingOf, waitMsOf } from "../../lib/callers/rate-limit.ts"
import type { Caller } from "../auth/caller.ts"
import { ResetTimes } from "./reset-times.ts"

const FULL_MS = 1_000

/** Callers' rates as this isolate last saw them in replies of the enqueue script: a refused caller is refused again without Redis. */
export class SubmitRates {
  readonly #now: () => number
  readonly #callers: ResetTimes
  /** Of their own, so that many callers of a /48 cannot push out what it has used. */
  readonly #prefixes48: ResetTimes
  readonly #refused: ResetTimes
  /** Until when a caller whose queue was full is not asked about again. */
  readonly #full: ResetTimes

  constructor(now: () => number) {
    this.#now = now
    this.#callers = new ResetTimes(now)
    this.#prefixes48 = new ResetTimes(now)
    this.#refused = new ResetTimes(now)
    this.#full = new ResetTimes(now)
  }

  /**
   * @param cost units of work (src/lib/queue/job-cost.ts); before a body is read, those of the cheapest job
   * @throws AppError rate_limited when Redis would say so
   */
  assertMaySubmit({ id, rateLimit }: Caller, cost = 1): void {
    const resetMs = this.#callers.get(id)
    if (rateLimit === null || resetMs === undefined) return
    const nowMs = this.#now()
    if (waitMsOf(rateLimit, resetMs, { nowMs, cost }) > 0)
      throw new RateLimitedError(rateLimit, { resetMs, nowMs, cost })
  }

  /** Counts work against the /48 around its caller, in this isolate alone. @throws AppError rate_limited */
  chargePrefix48({ id, rateLimit }: Caller, cost = 1): void {
    const prefix48 = prefix48Of(id)
    if (prefix48 === null || rateLimit === null) return
    const limit = { ...rateLimit, count: PREFIX48_SHARE * rateLimit.count }
    const nowMs = this.#now()
    const fromMs = Math.max(nowMs, this.#prefixes48.get(prefix48) ?? 0)
    if (waitMsOf(limit, fromMs, { nowMs, cost }) > 0) {
      throw new RateLimitedError(limit, { resetMs: fromMs, nowMs, cost })
    }
    this.#prefixes48.set(prefix48, fromMs + chargeMsOf(limit, cost))
  }

  /**
   * A caller may be refused, or repeat itself, as often as it may submit, beside what it submits.
   * @throws AppError rate_limited; caller_queue_full if it was full a moment ago
   */
  assertFewRefused({ id, rateLimit }: Caller): void {
    if ((this.#full.get(id) ?? 0) > this.#now()) {
      throw new AppError("caller_queue_full", "Cannot accept the job: as many of yours are waiting as may")
    }
    const resetMs = this.#refused.get(id)
    if (rateLimit === null || resetMs === undefined) return
    const retryAfterMs = waitMsOf(rateLimit, resetMs, { nowMs: this.#now() })
    if (retryAfterMs === 0) return
    const { count, windowMs } = rateLimit
    const message = `Cannot accept the request: ${count} submits of yours were refused or repeated in ${windowMs / 1_000} s`
    throw new AppError("rate_limited", message, { retryAfterMs })
  }

  /** Counts a submit that was refused or repeated: reading it cost work too. In this isolate alone, without Redis. */
  noteRefused({ id, rateLimit }: Caller): void {
    if (rateLimit === null) return
    const nowMs = this.#now()
    const fromMs = Math.max(nowMs, this.#refused.get(id) ?? 0)
    // Several at once may be refused beyond the limit.
    this.#refused.set(id, Math.min(fromMs + chargeMsOf(rateLimit, 1), nowMs + rateLimit.windowMs))
  }

  /** Runs a call that counts a submit, and remembers the caller's rate from its reply. */
  async learn<T extends { rateResetMs: number | null }>({ id }: Caller, submit: () => Promise<T>): Promise<T> {
    try {
      const submitted = await submit()
      if (submitted.rateResetMs !== null) this.#callers.set(id, submitted.rateResetMs)
      return submitted
    } catch (error) {
      if (error instanceof RateLimitedError) this.#callers.set(id, error.resetMs)
      // Each time that Redis is asked, it is sent the picture.
      if (error instanceof AppError && error.code === "caller_queue_full") this.#full.set(id, this.#now() + FULL_MS)
      throw error
    }
  }

  /** As draft-ietf-httpapi-ratelimit-headers-10 has it: the policy, and how much is left until when. */
  headersFor({ id, rateLimit }: Caller): Record<string, string> {
    if (rateLimit === null) return {}
    const policy = { "RateLimit-Policy": `"submit";q=${rateLimit.count};w=${rateLimit.windowMs / 1_000}` }
    const resetMs = this.#callers.get(id)
    if (resetMs === undefined) return policy
    const resetS = Math.ceil(Math.max(0, resetMs - this.#now()) / 1_000)
    return { ...policy, RateLimit: `"submit";r=${remainingOf(rateLimit, resetMs, this.#now())};t=${resetS}` }
  }
}
