-- Sends a dead letter again: a fresh set of attempts, at the end of its caller's line, and handed out alone.
--
-- KEYS[1] prefix
-- ARGV[1] job id   ARGV[2] settings, JSON: nowMs, deadlineMs, jobTtlMs
--
-- Returns "queued", "missing" (no such dead letter), or "payload_missing" (its bytes expired; it stays where it is).
--- include "batch-progress"
--- include "job-record"
--- include "kept-bytes"
--- include "placement"
--- include "values"

local id, s = ARGV[1], cjson.decode(ARGV[2])
local job = loadJob(id)
if not redis.call("ZSCORE", keys.dead, id) then
  -- A reply that was lost: what waits under this revival's deadline was revived by it.
  return job and job.deadlineMs == s.deadlineMs and "queued" or "missing"
end
if not job then
  redis.call("ZREM", keys.dead, id)
  return "missing"
end
if not keepPayload(job, s.jobTtlMs) then return "payload_missing" end
redis.call("ZREM", keys.dead, id)
-- Tickets that shared its work have said that they failed, and change no more: those that join now share what comes.
if (job.followers or 0) > 0 then
  job.deaths = job.deaths or {}
  table.insert(job.deaths, {
    error = job.error, finishedMs = job.finishedMs, attempts = job.attempts, startedMs = job.startedMs,
    claimedMs = job.claimedMs, worker = job.worker, history = job.history,
  })
  job.followers, job.tell = nil, nil
end
returnKept(job)
chargeKept(job.caller, s.nowMs, untilOf(s.nowMs, s.jobTtlMs), EXPECTED_BYTES)
-- It may have killed its processes, and is as much of a suspect as before.
if job.attempts > (job.timeouts or 0) then job.alone = true end
job.timeouts = nil
local place = readPlace(job.queue, job.caller, job.batch)
job.state, job.attempts, job.start, job.deadlineMs = "queued", 0, exact(place.next), s.deadlineMs
job.startedMs, job.finishedMs, job.error, job.claimedMs, job.history = nil, nil, nil, nil, nil
addJob(place, job)
writePlace(place, s.nowMs)
saveJobFor(job, s.jobTtlMs)
if job.batch then countOutOfBatch(job, s.deadlineMs, s.nowMs) end
return "queued"
