import * as z from "zod"

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
 * Each request moves it by windowMs / count, and may not move it further than windowMs from now.
 */

/** How many requests are left. */
export function remainingOf({ count, windowMs }: RateLimit, wholeAgainMs: number, nowMs: number): number {
  const spentMs = Math.max(0, wholeAgainMs - nowMs)
  return Math.max(0, Math.min(count, Math.floor(((windowMs - spentMs) * count) / windowMs + 1e-6)))
}

/** How long to wait until one more is allowed; 0 when one is now. */
export function waitMsOf({ count, windowMs }: RateLimit, wholeAgainMs: number, nowMs: number): number {
  // The scripts hold the same, and the same grain of rounding.
  const overMs = Math.max(wholeAgainMs, nowMs) + windowMs / count - nowMs - windowMs
  return overMs > 0.01 ? overMs : 0
}
