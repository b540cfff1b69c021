import { AppError } from "../../lib/app-error.ts"
import { SITE_SHARE, siteOf } from "../../lib/callers/caller-id.ts"
import { chargeMsOf, type RateLimit, waitMsOf } from "../../lib/callers/rate-limit.ts"

const MAX_CALLERS = 10_000

/**
 * Holds whatever is no submit to a rate, by caller: reading, canceling, sending a webhook again. It bounds the commands that a
 * caller can cost, is far above what polls as they are hinted need, and so is counted in this isolate alone, without Redis.
 */
export class ReadRates {
  readonly #limit: RateLimit | null
  readonly #now: () => number
  readonly #wholeMs = new Map<string, number>()

  constructor(limit: RateLimit | null, now: () => number) {
    this.#limit = limit
    this.#now = now
  }

  /** @param units about one a command. @throws AppError rate_limited */
  charge(callerId: string, units = 1): void {
    if (this.#limit === null) return
    this.#chargeOne(callerId, this.#limit, units)
    const site = siteOf(callerId)
    if (site !== null) this.#chargeOne(site, { ...this.#limit, count: SITE_SHARE * this.#limit.count }, units)
  }

  #chargeOne(callerId: string, limit: RateLimit, units: number): void {
    const nowMs = this.#now()
    const fromMs = Math.max(nowMs, this.#wholeMs.get(callerId) ?? 0)
    const retryAfterMs = waitMsOf(limit, fromMs, { nowMs, cost: units })
    if (retryAfterMs > 0) {
      const { count, windowMs } = limit
      const message = `Cannot accept the request: your limit is ${count} requests in ${windowMs / 1_000} s, besides submits`
      throw new AppError("rate_limited", message, { retryAfterMs })
    }
    if (this.#wholeMs.size >= MAX_CALLERS && !this.#wholeMs.has(callerId)) this.#wholeMs.clear()
    this.#wholeMs.set(callerId, fromMs + chargeMsOf(limit, units))
  }
}
