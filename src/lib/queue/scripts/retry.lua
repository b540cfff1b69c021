#!lua flags=allow-oom
-- The attempt failed, the job may not have: back to the queue, or to the dead letters after its last attempt.
--
-- KEYS[1] prefix
-- ARGV[1] job id   ARGV[2] lease token   ARGV[3] reason   ARGV[4] settings, JSON: nowMs, deadTtlMs, counts, alone, timedOut,
--         onceMore, aside, delayMs
--
-- Without `counts` the attempt never happened (a classifier that shuts down gives back what it had not begun). `alone` makes the
-- job a suspect; `timedOut` says what became of the attempt, so that it is none; `onceMore` leaves it one attempt more at most;
-- `aside` makes it a dead letter at once; `delayMs` is the wait before the next attempt.
-- Returns "queued" when the job is tried again, "dead" when this was its last attempt (the same when it was given back already, by
-- the same token), and "lost" when the lease is lost.
--- include "end-job"
--- include "job-record"
--- include "model-limits"

local id, token, s = ARGV[1], ARGV[2], cjson.decode(ARGV[4])
local held = redis.call("ZREM", keys.leases, id .. ":" .. token) == 1
local job = loadJob(id)
if not held or not job then
  if not job or job.givenBackBy ~= token then return "lost" end
  return job.state == "failed" and "dead" or "queued"
end
if s.aside then
  -- What its worker could not read may break here, too: its record ends in any case.
  if not pcall(buryJob, job, ARGV[3], s.nowMs, s.deadTtlMs) then
    job.state, job.finishedMs, job.leaseToken = "failed", s.nowMs, nil
    job.error = cjson.encode({ code = "attempts_exhausted", message = ARGV[3] })
    redis.call("ZADD", keys.dead, s.nowMs, id)
    redis.call("PEXPIRE", keys.dead, s.deadTtlMs)
    redis.call("SET", keys.job(id), cjson.encode(job), "PX", s.deadTtlMs)
  end
  return "dead"
end
if s.counts then
  keepAttempt(job, ARGV[3], s.nowMs)
else
  job.attempts = job.attempts - 1
  if job.attempts == 0 then job.startedMs = nil end
end
if s.alone then job.alone = true end
if s.timedOut then job.timeouts = (job.timeouts or 0) + 1 end
if s.onceMore then job.maxAttempts = math.min(job.maxAttempts, job.attempts + 1) end
endAttempt(job, ARGV[3], s.nowMs, s.deadTtlMs, s.delayMs)
if job.state == "failed" then return "dead" end
-- Its worker may have looked, and sleep by now; and others learn when its wait is over.
wakeAgain(job)
return "queued"
