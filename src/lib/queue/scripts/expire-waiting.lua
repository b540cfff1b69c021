#!lua flags=allow-oom
-- Fails jobs past their deadline in a queue that no classifier serves any longer: they are never claimed, and would
-- count against the limits for ever. Looks at a page of the queue.
--
-- KEYS[1] prefix
-- ARGV[1] queue   ARGV[2] now, ms   ARGV[3] how many jobs were looked at and left before
--
-- Returns how many jobs were looked at and left by now, or -1 at the end of the queue.
--- include "deadlines"

local queue, nowMs, from = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local kept, _, looked = failAllLate(queue, from, nowMs)
return looked == 0 and -1 or from + kept
