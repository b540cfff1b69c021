--- include "job-record"
--- include "kept-bytes"
--- include "publish-end"
--- include "values"
--- include "waiting"

-- What only a job that goes on needs is not kept for a day.
local function conclude(job, outcome, nowMs)
  dropPayload(job)
  job.payloadId, job.contentKey, job.ahead = nil, nil, nil
  job.state, job.result, job.error = outcome.state, outcome.result, outcome.error
  job.finishedMs, job.leaseToken, job.resultVersion = nowMs, nil, outcome.version
end

local function finishJob(job, outcome, nowMs, ttlMs)
  conclude(job, outcome, nowMs)
  saveJobFor(job, ttlMs)
  publishEnd(job)
end

-- Ends what waits or is worked on, regardless of which worker holds the lease.
local function stopJob(job, outcome, ttlMs)
  if job.leaseToken then
    redis.call("ZREM", keys.leases, leaseOf(job))
  elseif job.state == "queued" then
    takeOut(job.queue, { memberOf(job) })
  end
  if job.state == "processing" then redis.call("PUBLISH", keys.wakeChannel, "canceled:" .. job.id) end
  finishJob(job, outcome, outcome.finishedMs, ttlMs)
end

local function buryJob(job, reason, nowMs, deadTtlMs)
  local message = "Given up after " .. job.attempts .. " attempts: " .. reason
  job.state, job.finishedMs, job.leaseToken = "failed", nowMs, nil
  job.error = cjson.encode({ code = "attempts_exhausted", message = message })
  keepPayload(job, deadTtlMs)
  redis.call("ZADD", keys.dead, nowMs, job.id)
  redis.call("ZREMRANGEBYSCORE", keys.dead, "-inf", "(" .. exact(nowMs - deadTtlMs))
  redis.call("PEXPIRE", keys.dead, deadTtlMs)
  -- With its image, and for longer than was counted when it came.
  job.keptUntil, job.keptBytes = untilOf(nowMs, deadTtlMs), job.bytes + EXPECTED_BYTES
  chargeKept(job.caller, nowMs, job.keptUntil, job.keptBytes)
  saveJobFor(job, deadTtlMs)
  publishEnd(job)
end

local MAX_ATTEMPTS_KEPT = 10

local function keepAttempt(job, reason, nowMs)
  job.history = job.history or {}
  local startedMs = job.claimedMs or job.startedMs
  table.insert(job.history, { attempt = job.attempts, startedMs = startedMs, endedMs = nowMs, worker = job.worker, reason = reason })
  if #job.history > MAX_ATTEMPTS_KEPT then table.remove(job.history, 1) end
  job.claimedMs = nil
end

-- The attempt is over without an answer: back to its old place, or to the dead letters. With a delay the job is queued, but stays
-- among the leases until the delay is over: who reclaims expired leases puts it back.
local function endAttempt(job, reason, nowMs, deadTtlMs, delayMs)
  job.givenBackBy = job.leaseToken
  if job.attempts >= job.maxAttempts then return buryJob(job, reason, nowMs, deadTtlMs) end
  job.state, job.leaseToken = "queued", nil
  if (delayMs or 0) > 0 then
    job.leaseToken, job.retryMs = job.givenBackBy .. "~", nowMs + delayMs
    redis.call("ZADD", keys.leases, job.retryMs, leaseOf(job))
  else
    putBack(job)
  end
  saveJob(job)
end
