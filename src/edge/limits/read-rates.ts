import { AppError } from "../../lib/app-error.ts"
import { PREFIX48_SHARE, prefix48Of } from "../../lib/callers/caller-id.ts"
import { chargeMsOf, type RateLimit, waitMsOf } from "../../lib/callers/rate-limit.ts"
import { ResetTimes } from "./reset-times.ts"

/** Limits all requests but submits, by caller and in this isolate, far above what hinted polls need. It bounds Redis commands. */
export class ReadRates {
  readonly #limit: RateLimit | null
  readonly #now: () => number
  readonly #callers: ResetTimes
  /** Of their own, so that many callers of a /48 cannot push out what it has used. */
  readonly #prefixes48: ResetTimes

  constructor(limit: RateLimit | null, now: () => number) {
    this.#limit = limit
    this.#now = now
    this.#callers = new ResetTimes(now)
    this.#prefixes48 = new ResetTimes(now)
  }

  /** @param units about one a command. @throws AppError rate_limited */
  charge(callerId: string, units = 1): void {
    if (this.#limit === null) return
    this.#chargeOne(this.#callers, callerId, { limit: this.#limit, units })
    const prefix48 = prefix48Of(callerId)
    const limit = { ...this.#limit, count: PREFIX48_SHARE * this.#limit.count }
    if (prefix48 !== null) this.#chargeOne(this.#prefixes48, prefix48, { limit, units })
  }

  #chargeOne(times: ResetTimes, id: string, { limit, units }: { limit: RateLimit; units: number }): void {
    const nowMs = this.#now()
    const fromMs = Math.max(nowMs, times.get(id) ?? 0)
    const retryAfterMs = waitMsOf(limit, fromMs, { nowMs, cost: units })
    if (retryAfterMs > 0) {
      const { count, windowMs } = limit
      const message = `Cannot accept the request: your limit is ${count} requests in ${windowMs / 1_000} s, besides submits`
      throw new AppError("rate_limited", message, { retryAfterMs })
    }
    times.set(id, fromMs + chargeMsOf(limit, units))
  }
}
