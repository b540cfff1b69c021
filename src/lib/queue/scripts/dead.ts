import { PRELUDE, WHEN_FULL } from "./prelude.ts"

/**
 * Sends a dead letter again: a fresh set of attempts, at the end of its caller's line, and handed out alone.
 *
 * KEYS[1] prefix
 * ARGV[1] job id   ARGV[2] settings, JSON: nowMs, deadlineMs, jobTtlMs, wakeChannel
 *
 * Returns "queued", "missing" (no such dead letter), or "payload_missing" (its bytes expired; it stays where it is).
 */
export const REVIVE = `${PRELUDE}
local id, s = ARGV[1], cjson.decode(ARGV[2])
local job = load(id)
if not redis.call("ZSCORE", DEAD, id) then
  -- A reply that was lost: what waits under this revival's deadline was revived by it.
  return job and job.deadlineMs == s.deadlineMs and "queued" or "missing"
end
if not job then
  redis.call("ZREM", DEAD, id)
  return "missing"
end
if not keepPayload(job, s.jobTtlMs) then return "payload_missing" end
redis.call("ZREM", DEAD, id)
-- Tickets that shared its work have said that they failed, and change no more: whoever joins now shares what comes.
if (job.followers or 0) > 0 then
  job.deaths = job.deaths or {}
  table.insert(job.deaths, { error = job.error, finishedMs = job.finishedMs, attempts = job.attempts, startedMs = job.startedMs })
  job.followers, job.tell = nil, nil
end
-- It may have killed its processes, and is as much of a suspect as before.
if job.attempts > (job.timeouts or 0) then job.alone = true end
job.timeouts = nil
local v, f, last = "v:" .. job.queue, "f:" .. job.queue .. ":" .. flowOf(job), "last:" .. job.queue
local flow = redis.call("HMGET", FLOW, v, f, last, "paused")
local start = math.max(tonumber(flow[1] or 0), tonumber(flow[2] or 0))
local finishes = start + tonumber(job.span or 1)
job.state, job.attempts, job.start, job.deadlineMs = "queued", 0, tag(start), s.deadlineMs
job.startedMs, job.finishedMs, job.error = nil, nil, nil
redis.call("HSET", FLOW, f, tag(finishes), last, tag(math.max(finishes, tonumber(flow[3] or 0))))
if not flow[4] then redis.call("PEXPIRE", FLOW, SHARED_TTL_MS) end
putBack(job)
saveFor(job, s.jobTtlMs)
if job.batch then countOutOfBatch(job, s.deadlineMs, s.nowMs) end
redis.call("PUBLISH", s.wakeChannel, "queued:" .. job.queue)
return "queued"
`

/**
 * KEYS[1] prefix   ARGV[1] job id   ARGV[2] TTL left to the job, ms
 * Returns 1 when the dead letter was dropped, 0 when there was none. Its ticket stays failed until it expires.
 */
export const DROP = `${WHEN_FULL}${PRELUDE}
if redis.call("ZREM", DEAD, ARGV[1]) == 0 then return 0 end
local isReadable, job = pcall(load, ARGV[1])
if not isReadable then
  redis.call("UNLINK", jobKey(ARGV[1]))
elseif job then
  dropPayload(job)
  saveFor(job, tonumber(ARGV[2]))
end
return 1
`
