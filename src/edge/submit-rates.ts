import { createMiddleware } from "hono/factory"
import { AppError } from "../lib/app-error.ts"
import { rateLimited, remainingOf, stepMsOf, waitMsOf } from "../lib/rate-limit.ts"
import type { Caller } from "./caller.ts"
import type { EdgeEnv } from "./router.ts"

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

  /** @throws AppError rate_limited when Redis would say so */
  assertMaySubmit({ id, rateLimit }: Caller): void {
    const wholeMs = this.#wholeMs.get(id)
    if (rateLimit === null || wholeMs === undefined) return
    const waitMs = waitMsOf(rateLimit, wholeMs, this.#now())
    if (waitMs > 0) throw rateLimited(rateLimit, waitMs)
  }

  /** Calls what counts a submit, and keeps in mind what is said of the caller's rate. */
  async learn<T extends { rateWholeMs: number | null }>(
    { id, rateLimit }: Caller,
    submit: () => Promise<T>,
  ): Promise<T> {
    try {
      const submitted = await submit()
      if (submitted.rateWholeMs !== null) this.#remember(id, submitted.rateWholeMs)
      return submitted
    } catch (error) {
      const isRefused = error instanceof AppError && error.code === "rate_limited"
      if (isRefused && rateLimit !== null) {
        const spentMs = (error.retryAfterMs ?? 0) + rateLimit.windowMs - stepMsOf(rateLimit)
        this.#remember(id, this.#now() + spentMs)
      }
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

/** Holds submits to the caller's rate, and says in every answer to one how it stands. Reading is not counted. */
export const limitSubmits = createMiddleware<EdgeEnv>(async (c, next) => {
  if (c.req.method !== "POST") return next()
  const { caller } = c.var
  const { submitRates } = c.var.services
  const tell = () => {
    for (const [name, value] of Object.entries(submitRates.headersFor(caller))) c.header(name, value)
  }
  tell() // for a refusal that comes from here
  submitRates.assertMaySubmit(caller)
  await next()
  tell()
})
