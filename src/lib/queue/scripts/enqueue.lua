-- KEYS[1] prefix
-- ARGV[1] job, JSON without its start tag
-- ARGV[2] settings, JSON: nowMs, payloadTtlMs, jobTtlMs; the limits of the queue (StoreLimits);
--         rate (windowMs, stepMs, chargeMs, maxSkewMs), if the caller may submit only so often
--
-- Returns { status, job JSON, position, when the caller's rate is reset, ms or "" }; status is one of
--   queued           the job waits at position
--   known            its answer was known: the job has it already
--   following        it shares the work of a job that waits or is worked on
--   exists           this id was submitted before; the job is the first one
--   queue_full, caller_queue_full, payload_missing   refused, nothing kept, no job
--   rate_limited     refused: the caller has not one unit left, which an answer that is shared or known counts as
--   cost_limited     refused: the caller has less left than its work counts as
--- include "job-record"
--- include "placement"
--- include "publish-end"
--- include "rate"
--- include "values"
--- include "waiting"

-- What ends the work posts the webhooks of all who share it, and a script is to be short.
local MAX_FOLLOWERS_WITH_WEBHOOK = 32

local job, s = cjson.decode(ARGV[1]), cjson.decode(ARGV[2])
local contentKey = job.contentKey and keys.content(job.contentKey)
-- A submit is charged for what is accepted, once: its own work by its estimate, what it shares as one unit.
local meter = newMeter(s)

local function create(ttlMs)
  return redis.call("SET", keys.job(job.id), cjson.encode(job), "NX", "PX", ttlMs or s.jobTtlMs)
end

-- The id was submitted before: the first job stands. What came with the repeat goes, its claim on the content too: the
-- first job may be of other content, or follow another one.
local leads = false
local function answerExisting(existing)
  if leads then redis.call("DEL", contentKey) end
  if existing.payloadId ~= job.payloadId then dropPayload(job) end
  return { "exists", cjson.encode(existing), -1, meter.reset }
end

local function refuse(status)
  local existing = loadJob(job.id)
  if existing then return answerExisting(existing) end
  if leads then redis.call("DEL", contentKey) end
  dropPayload(job)
  return { status, "", -1, meter.reset }
end

local function copyAnswer(leader)
  job.state, job.startedMs, job.finishedMs = "succeeded", s.nowMs, s.nowMs
  job.result, job.cached, job.contentKey = leader.result, true, nil
  if not create(s.resultTtlMs) then return answerExisting(loadJob(job.id)) end
  dropPayload(job)
  chargeOne(meter, job.caller)
  publishEnd(job)
  return { "known", cjson.encode(job), -1, meter.reset }
end

local function follow(leader)
  job.leader, job.contentKey, job.start = leader.id, nil, leader.start
  job.round = leader.deaths and #leader.deaths or nil
  if not create() then return answerExisting(loadJob(job.id)) end
  leader.followers = (leader.followers or 0) + 1
  if job.webhookUrl then
    leader.tell = leader.tell or {}
    table.insert(leader.tell, job.id)
  end
  dropPayload(job)
  if job.deadlineMs > leader.deadlineMs then
    -- The work may start as long as one of its tickets still waits for it; its bytes must last as long.
    leader.deadlineMs = job.deadlineMs
    if leader.payloadId then redis.call("PEXPIRE", keys.payload(leader.payloadId), s.payloadTtlMs, "GT") end
  end
  leader.sharedTtlMs = math.max(leader.sharedTtlMs or 0, s.jobTtlMs)
  saveJob(leader)
  redis.call("PEXPIRE", keys.job(leader.id), s.jobTtlMs, "GT")
  chargeOne(meter, job.caller)
  return { "following", cjson.encode(job), -1, meter.reset }
end

if contentKey then
  local leaderId = redis.call("SET", contentKey, job.id, "NX", "GET", "PX", s.jobTtlMs)
  leads = not leaderId
  if leaderId and leaderId ~= job.id then
    local leader = loadJob(leaderId)
    -- The key is the caller's own already; no caller gets another's answer, even by a key that is made without it.
    if leader and leader.caller ~= job.caller then leader = nil end
    -- Of a classifier that lags behind, or ahead: not the answer that was asked for.
    local isOther = leader and leader.state == "succeeded" and leader.resultVersion ~= job.modelVersion
    if isOther and job.modelVersion then leader = nil end
    local isFull = job.webhookUrl and leader and leader.tell and #leader.tell >= MAX_FOLLOWERS_WITH_WEBHOOK
    local share = leader and ({ succeeded = copyAnswer, queued = follow, processing = follow })[leader.state]
    if share and not (isFull and share == follow) then
      return affordsOne(meter, job.caller) and share(leader) or refuse("rate_limited")
    end
    redis.call("SET", contentKey, job.id, "PX", s.jobTtlMs)
    leads = true
  end
end

local place = readPlace(job.queue, job.caller, job.batch)
if place.waiting >= s.maxDepth or place.bytes + job.bytes > s.maxBytes then return refuse("queue_full") end
if place.waitingOf >= s.maxDepthPerCaller then return refuse("caller_queue_full") end
if s.rate and not affords(meter, place.rateReset, s.rate.chargeMs) then return refuse("cost_limited") end
if not keepPayload(job, s.payloadTtlMs) then return refuse("payload_missing") end

job.start = exact(place.next)
if not create() then return answerExisting(loadJob(job.id)) end
addJob(place, job)
if s.rate then meter.reset = exact(meter.charged) end
writePlace(place, s.nowMs, s.rate and { fields.rateReset(job.caller), meter.reset })

local position = 0
if place.waitingIn > 0 then position = redis.call("ZRANK", keys.queue(job.queue), memberOf(job)) end
return { "queued", cjson.encode(job), position, meter.reset }
