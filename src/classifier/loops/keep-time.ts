import type { RedisClock } from "../../lib/redis/redis-clock.ts"
import { every } from "./every.ts"

/** How often Redis is asked for the time. */
export const CLOCK_MS = 60_000
/** How soon this machine's own clocks are seen to disagree. */
const CLOCK_LOOK_MS = 1_000

/** Keeps the clock right until the signal is aborted. */
export function keepTime(clock: RedisClock, signal: AbortSignal): Promise<void> {
  // An outage only means that the clock is corrected later.
  return every(CLOCK_LOOK_MS, () => clock.keep(CLOCK_MS), { signal, onError: () => undefined })
}
