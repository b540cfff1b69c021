const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/** The schedule that the specification recommends (https://github.com/standard-webhooks/standard-webhooks, "Retries"). */
const DELAYS_MS = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
] as const

/** So that the deliveries of a receiver that was down do not all come back in the same second. */
const JITTER = 0.1
/** What a receiver may ask for; more would outlive the record of the delivery. */
const MAX_RETRY_AFTER_MS = 24 * HOUR_MS

/**
 * How long to wait after a failed try, in milliseconds, or null when that was the last one.
 * @param failedTries how many tries have failed, this one included: 1 or more
 * @param retryAfterMs what the receiver asked for: it can make the wait longer, never shorter
 */
export function retryDelayMs(
  failedTries: number,
  retryAfterMs: number | null,
  random: () => number = Math.random,
): number | null {
  const delayMs = DELAYS_MS[failedTries - 1]
  if (delayMs === undefined) return null
  const jitteredMs = delayMs * (1 + JITTER * random())
  return Math.round(Math.max(jitteredMs, Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS)))
}
