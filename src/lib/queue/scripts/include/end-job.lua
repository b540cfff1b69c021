--- include "job-record"
--- include "publish-end"
--- include "values"
--- include "waiting"

local function conclude(job, outcome, nowMs)
  job.state, job.result, job.error = outcome.state, outcome.result, outcome.error
  job.finishedMs, job.leaseToken, job.resultVersion = nowMs, nil, outcome.version
end

local function finishJob(job, outcome, nowMs, ttlMs)
  conclude(job, outcome, nowMs)
  dropPayload(job)
  saveJobFor(job, ttlMs)
  publishEnd(job)
end

-- Ends what waits or is worked on, regardless of which worker holds the lease.
local function stopJob(job, outcome, ttlMs)
  if job.state == "queued" then
    takeOut(job.queue, { memberOf(job) })
  elseif job.state == "processing" then
    redis.call("ZREM", keys.leases, leaseOf(job))
    redis.call("PUBLISH", keys.wakeChannel, "canceled:" .. job.id)
  end
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
  saveJobFor(job, deadTtlMs)
  publishEnd(job)
end

-- The attempt is over without an answer: back to its old place, or to the dead letters.
local function endAttempt(job, reason, nowMs, deadTtlMs)
  job.givenBackBy = job.leaseToken
  if job.attempts >= job.maxAttempts then return buryJob(job, reason, nowMs, deadTtlMs) end
  job.state, job.leaseToken = "queued", nil
  putBack(job)
  saveJob(job)
end
