import * as z from "zod"
import { AppError } from "./app-error.ts"

/** So many at once, and as many again over `windowMs`, one after the other. */
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
 * The generic cell rate algorithm (ITU-T I.371) keeps one number a caller: the instant at which its allowance is whole again.
 * Each request moves it by a step, and may not move it further than a window from now.
 */

/** A window over a count, in parts of 1/1024 ms: instants of that grain add up without rounding. */
export function stepMsOf({ count, windowMs }: RateLimit): number {
  return Math.floor((windowMs * 1_024) / count) / 1_024
}

/** What is further ahead was said by a clock that ran fast, and counts for nothing. The script does the same. */
export const MAX_CLOCK_SKEW_MS = 60_000

/** How many requests are left. */
export function remainingOf(limit: RateLimit, wholeMs: number, nowMs: number): number {
  const leftMs = limit.windowMs - spentMsOf(limit, wholeMs, nowMs)
  return Math.max(0, Math.min(limit.count, Math.floor(leftMs / stepMsOf(limit))))
}

/** How long to wait until one more is allowed; 0 when one is now. */
export function waitMsOf(limit: RateLimit, wholeMs: number, nowMs: number): number {
  return Math.max(0, spentMsOf(limit, wholeMs, nowMs) + stepMsOf(limit) - limit.windowMs)
}

function spentMsOf({ windowMs }: RateLimit, wholeMs: number, nowMs: number): number {
  const spentMs = Math.max(0, wholeMs - nowMs)
  return spentMs > windowMs + MAX_CLOCK_SKEW_MS ? 0 : spentMs
}

/** The refusal of a submit that comes too soon. */
export function rateLimited({ count, windowMs }: RateLimit, waitMs: number): AppError {
  const message = `Cannot accept the request: you have sent ${count} pictures in ${windowMs / 1_000} s, your limit`
  return new AppError("rate_limited", message, { retryAfterMs: waitMs })
}
