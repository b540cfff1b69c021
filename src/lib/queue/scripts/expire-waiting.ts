import { PRELUDE } from "./prelude.ts"

/**
 * Fails jobs that nobody comes for: those of a queue that no classifier serves any longer are never claimed, and would
 * count against the limits for ever.
 *
 * KEYS[1] prefix
 * ARGV[1] queue   ARGV[2] now, ms   ARGV[3] how many jobs were looked at and left before
 *
 * Looks at a page of the queue. Returns how many jobs were looked at and left by now, or -1 at the end of the queue.
 */
export const EXPIRE_WAITING = `${PRELUDE}
local queue, nowMs, from = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local members = redis.call("ZRANGE", queueKey(queue), from, from + 99)
if #members == 0 then return -1 end

local waiting, keys = {}, {}
for i, member in ipairs(members) do
  local id, bytes, caller = member:match("^(%S+) (%S+) (.+)$")
  waiting[i] = { queue = queue, bytes = tonumber(bytes), caller = caller }
  keys[i] = jobKey(id)
end
for i, text in ipairs(redis.call("MGET", unpack(keys))) do
  local job = decode(text)
  local isLate = job and not job.startedMs and nowMs > job.deadlineMs
  if isLate or not job then
    redis.call("ZREM", queueKey(queue), members[i])
    countWaiting(waiting[i], -1)
  else
    from = from + 1
  end
  if isLate then finish(job, { state = "failed", error = LATE }, nowMs, redis.call("PTTL", jobKey(job.id))) end
end
return from
`
