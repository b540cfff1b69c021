import * as z from "zod"
import { AppError } from "../app-error.ts"

/** So many units of work (src/lib/queue/job-cost.ts) at once, and as many again over `windowMs`, one after the other. */
export type RateLimit = { count: number; windowMs: number }

const UNIT_MS = { s: 1_000, min: 60_000, h: 3_600_000 } as const

/** "100/60s", "5/1min", "1000/1h". */
export const rateLimitSchema = z
  .string()
  .regex(/^[1-9]\d{0,8}\/[1-9]\d{0,5}(s|min|h)$/, "must be like 100/60s, 5/1min or 1000/1h")
  .transform((text): RateLimit => {
    const [, count, amount, unit] = /^(\d+)\/(\d+)(\D+)$/.exec(text) ?? []
    return { count: Number(count), windowMs: Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS] }
  })

/** The same, or "off". */
export const rateLimitOrOffSchema = z.union([z.literal("off").transform(() => null), rateLimitSchema], {
  error: "must be off, or like 100/60s, 5/1min or 1000/1h",
})

export function formatRateLimit({ count, windowMs }: RateLimit): string {
  return `${count}/${windowMs / 1_000}s`
}

/*
 * The generic cell rate algorithm (ITU-T I.371) keeps one number a caller: the instant at which its allowance is unused again.
 * Each unit of work moves it by a step, and none may move it further than a window from now.
 */

/** A window over a count, in parts of 1/1024 ms: instants of that grain add up without rounding. */
export function stepMsOf({ count, windowMs }: RateLimit): number {
  return Math.floor((windowMs * 1_024) / count) / 1_024
}

/** What a job of so many units takes of a window. One that is larger than a window takes all of it, and waits until all of it is free. */
export function chargeMsOf(limit: RateLimit, cost: number): number {
  return stepMsOf(limit) * Math.min(cost, limit.count)
}

/** What is further ahead was said by a clock that ran fast, and counts for nothing. The script does the same. */
export const MAX_CLOCK_SKEW_MS = 60_000

/** How many units are left. */
export function remainingOf(limit: RateLimit, resetMs: number, nowMs: number): number {
  const leftMs = limit.windowMs - spentMsOf(limit, resetMs, nowMs)
  return Math.max(0, Math.min(limit.count, Math.floor(leftMs / stepMsOf(limit))))
}

/** How long to wait until a job of so many units is allowed; 0 when it is now. */
export function waitMsOf(
  limit: RateLimit,
  resetMs: number,
  { nowMs, cost = 1 }: { nowMs: number; cost?: number },
): number {
  return Math.max(0, spentMsOf(limit, resetMs, nowMs) + chargeMsOf(limit, cost) - limit.windowMs)
}

function spentMsOf({ windowMs }: RateLimit, resetMs: number, nowMs: number): number {
  const spentMs = Math.max(0, resetMs - nowMs)
  return spentMs > windowMs + MAX_CLOCK_SKEW_MS ? 0 : spentMs
}

/** The refusal of a submit over the rate. */
export class RateLimitedError extends AppError {
  /** When the caller's allowance is unused again. */
  readonly resetMs: number

  constructor(limit: RateLimit, { resetMs, nowMs, cost }: { resetMs: number; nowMs: number; cost: number }) {
    const allowed = `${limit.count} pictures in ${limit.windowMs / 1_000} s`
    const work = cost === 1 ? "" : `, and the work on this one counts as ${cost}`
    super("rate_limited", `Cannot accept the request: your limit is ${allowed}${work}`, {
      retryAfterMs: waitMsOf(limit, resetMs, { nowMs, cost }),
    })
    this.resetMs = resetMs
  }
}
