import { SITE_SHARE, siteOf } from "../../lib/callers/caller-id.ts"
import { RateLimitedError, remainingOf, stepMsOf, waitMsOf } from "../../lib/callers/rate-limit.ts"
import type { Caller } from "../auth/caller.ts"

const MAX_CALLERS = 10_000

/**
 * What this isolate knows of its callers' rates. The count is kept by the script that enqueues, so that it costs no command
 * of its own; what its replies tell is remembered here, so that who has been refused is refused again without Redis, and
 * before a body is read.
 */
export class SubmitRates {
  readonly #now: () => number
  readonly #wholeMs = new Map<string, number>()

  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * @param cost units of work (src/lib/queue/job-cost.ts); before a body is read, those of the cheapest job
   * @throws AppError rate_limited when Redis would say so
   */
  assertMaySubmit({ id, rateLimit }: Caller, cost = 1): void {
    const wholeMs = this.#wholeMs.get(id)
    if (rateLimit === null || wholeMs === undefined) return
    const nowMs = this.#now()
    if (waitMsOf(rateLimit, wholeMs, { nowMs, cost }) > 0)
      throw new RateLimitedError(rateLimit, { wholeMs, nowMs, cost })
  }

  /** Counts a submit against the /48 around its caller, in this isolate alone. @throws AppError rate_limited */
  chargeSite({ id, rateLimit }: Caller): void {
    const site = siteOf(id)
    if (site === null || rateLimit === null) return
    const limit = { ...rateLimit, count: SITE_SHARE * rateLimit.count }
    const nowMs = this.#now()
    const fromMs = Math.max(nowMs, this.#wholeMs.get(site) ?? 0)
    if (waitMsOf(limit, fromMs, { nowMs }) > 0) throw new RateLimitedError(limit, { wholeMs: fromMs, nowMs, cost: 1 })
    this.#remember(site, fromMs + stepMsOf(limit))
  }

  /** Calls what counts a submit, and keeps in mind what is said of the caller's rate. */
  async learn<T extends { rateWholeMs: number | null }>({ id }: Caller, submit: () => Promise<T>): Promise<T> {
    try {
      const submitted = await submit()
      if (submitted.rateWholeMs !== null) this.#remember(id, submitted.rateWholeMs)
      return submitted
    } catch (error) {
      if (error instanceof RateLimitedError) this.#remember(id, error.wholeMs)
      throw error
    }
  }

  /** As draft-ietf-httpapi-ratelimit-headers-10 has it: the policy, and how much is left until when. */
  headersFor({ id, rateLimit }: Caller): Record<string, string> {
    if (rateLimit === null) return {}
    const policy = { "RateLimit-Policy": `"submit";q=${rateLimit.count};w=${rateLimit.windowMs / 1_000}` }
    const wholeMs = this.#wholeMs.get(id)
    if (wholeMs === undefined) return policy
    const resetS = Math.ceil(Math.max(0, wholeMs - this.#now()) / 1_000)
    return { ...policy, RateLimit: `"submit";r=${remainingOf(rateLimit, wholeMs, this.#now())};t=${resetS}` }
  }

  #remember(id: string, wholeMs: number): void {
    if (this.#wholeMs.size >= MAX_CALLERS && !this.#wholeMs.has(id)) this.#wholeMs.clear()
    this.#wholeMs.set(id, wholeMs)
  }
}
