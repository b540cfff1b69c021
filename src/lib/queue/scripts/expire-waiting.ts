import { PRELUDE, WHEN_FULL } from "./prelude.ts"

/**
 * Fails jobs that nobody comes for: those of a queue that no classifier serves any longer are never claimed, and would
 * count against the limits for ever.
 *
 * KEYS[1] prefix
 * ARGV[1] queue   ARGV[2] now, ms   ARGV[3] how many jobs were looked at and left before
 *
 * Looks at a page of the queue. Returns how many jobs were looked at and left by now, or -1 at the end of the queue.
 */
export const EXPIRE_WAITING = `${WHEN_FULL}${PRELUDE}
local queue, nowMs, from = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local kept, _, looked = endLate(queue, from, nowMs)
return looked == 0 and -1 or from + kept
`
