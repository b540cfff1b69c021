#!lua flags=allow-oom
-- Stores the outcome of a job.
--
-- KEYS[1] prefix
-- ARGV[1] job id   ARGV[2] lease token   ARGV[3] outcome, JSON: state, and result or error as texts;
--         version of the model that the result is of
-- ARGV[4] now, ms   ARGV[5] TTL of the result, ms   ARGV[6] the job as it was claimed, JSON, or ""
--
-- ARGV[7] what the picture's work exceeds the job's charge by, as a share of that: it was charged before anybody had seen it
--
-- Returns 1 when the outcome stands (or stood already, by the same token), 0 when the lease is lost.
--- include "end-job"
--- include "job-record"
--- include "kept-bytes"
--- include "placement"
--- include "publish-end"
--- include "values"

local id, token, nowMs, ttlMs = ARGV[1], ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
local outcome = cjson.decode(ARGV[3])
local held = redis.call("ZREM", keys.leases, id .. ":" .. token) == 1
local job

-- The next jobs of its flow start later by what was not paid for.
local function chargeUnpaid(job)
  local share = tonumber(ARGV[7] or 0)
  if share == 0 then return end
  local finishTag, last = fields.finishTag(job.queue, flowOf(job.caller, job.batch)), fields.lastFinish(job.queue)
  local values = redis.call("HMGET", keys.counters, fields.virtualTime(job.queue), finishTag, last)
  -- Without a virtual time the counters have expired, and no job waits.
  if not values[1] then return end
  local finish = math.max(tonumber(values[1]), tonumber(values[2] or 0)) + share * tonumber(job.span or 1)
  redis.call("HSET", keys.counters, finishTag, exact(finish), last, exact(math.max(finish, tonumber(values[3] or 0))))
end

-- A result that is larger than was counted when its job came, for the record and each webhook's copy.
local function chargeExcess(job)
  local excess = #ARGV[3] + 500 - EXPECTED_BYTES
  if excess <= 0 then return end
  local copies = 1 + (job.webhookUrl and 1 or 0) + #(job.tell or {})
  chargeKept(job.caller, nowMs, untilOf(nowMs, lifeMsOf(job, ttlMs)), copies * excess)
end

-- The holder of the lease knows the job, so one command stores its end and returns what was there: nothing new, as a rule.
if held and ARGV[6] ~= "" then
  job = cjson.decode(ARGV[6])
  job.finishedBy = token
  conclude(job, outcome, nowMs)
  local before = decode(redis.call("SET", keys.job(id), cjson.encode(job), "XX", "GET", "PX", lifeMsOf(job, ttlMs)))
  if before and not (before.followers or before.left) then
    job.limited = before.limited
    publishEnd(job)
    chargeUnpaid(job)
    chargeExcess(job)
    return 1
  end
  -- Others have joined it or withdrawn from it meanwhile, and what they wrote must stay.
  job = before
else
  job = loadJob(id)
end

if not held or not job then return job and job.finishedBy == token and 1 or 0 end
job.finishedBy = token
finishJob(job, outcome, nowMs, ttlMs)
chargeUnpaid(job)
chargeExcess(job)
return 1
