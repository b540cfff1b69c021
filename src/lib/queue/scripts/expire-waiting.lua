#!lua flags=allow-oom
-- Fails jobs past their deadline on a page of a queue without classifiers: they would count against the limits for ever.
--
-- KEYS[1] prefix
-- ARGV[1] queue   ARGV[2] now, ms   ARGV[3] how many jobs were looked at and left before
--
-- Returns { how many were ended, how many jobs were looked at and left by now, or -1 at the end of the queue }.
--- include "deadlines"

local queue, nowMs, from = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local kept, ended, looked = failAllLate(queue, from, nowMs)
return { #ended, looked == 0 and -1 or from + kept }
