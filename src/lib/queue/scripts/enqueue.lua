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
--   queue_full, caller_queue_full, caller_bytes_full, results_full, caller_results_full, payload_missing
--                    refused, nothing kept, no job
--   rate_limited     refused: the caller has not one unit left, which an answer that is shared or known counts as
--   cost_limited     refused: the caller has less left than its work counts as
--- include "job-record"
--- include "kept-bytes"
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
-- Its webhook has a copy of its record.
local copies, bytes, kept = job.webhookUrl and 2 or 1, #ARGV[1] + EXPECTED_BYTES, nil
local function writeKept(ttlMs, more) return addKept(kept, job.caller, untilOf(s.nowMs, ttlMs), copies * (bytes + (more or 0))) end

local record
local function create(ttlMs)
  record = cjson.encode(job)
  return redis.call("SET", keys.job(job.id), record, "NX", "PX", ttlMs or s.jobTtlMs)
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
  chargeOne(meter, job.caller, writeKept(s.resultTtlMs, #leader.result))
  publishEnd(job)
  return { "known", record, -1, meter.reset }
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
  chargeOne(meter, job.caller, writeKept(s.jobTtlMs))
  return { "following", record, -1, meter.reset }
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
      local affordable, texts = affordsOne(meter, job.caller, { fields.kept, fields.keptOf(job.caller) })
      if not affordable then return refuse("rate_limited") end
      kept = readKept(texts, s.nowMs)
      local noRoom = keptFull(kept, copies * (bytes + #(leader.result or "")), s)
      return noRoom and refuse(noRoom) or share(leader)
    end
    redis.call("SET", contentKey, job.id, "PX", s.jobTtlMs)
    leads = true
  end
end

local place = readPlace(job.queue, job.caller, job.batch)
if place.waiting >= s.maxDepth or place.bytes + job.bytes > s.maxBytes then return refuse("queue_full") end
if place.waitingOf >= s.maxDepthPerCaller then return refuse("caller_queue_full") end
-- One image is taken whatever its size.
if place.bytesOf > 0 and place.bytesOf + job.bytes > s.callerShare * s.maxBytes then return refuse("caller_bytes_full") end
kept = readKept(place.kept, s.nowMs)
local noRoom = keptFull(kept, copies * bytes, s)
if noRoom then return refuse(noRoom) end
if s.rate and not affords(meter, place.rateReset, s.rate.chargeMs) then return refuse("cost_limited") end
if not keepPayload(job, s.payloadTtlMs) then return refuse("payload_missing") end

job.start = exact(place.next)
if not create() then return answerExisting(loadJob(job.id)) end
addJob(place, job)
if s.rate then meter.reset = exact(meter.charged) end
local write = writeKept(s.jobTtlMs)
if s.rate then write[#write + 1], write[#write + 2] = fields.rateReset(job.caller), meter.reset end
writePlace(place, s.nowMs, write)

local position = 0
if place.waitingIn > 0 then position = redis.call("ZRANK", keys.queue(job.queue), memberOf(job)) end
return { "queued", record, position, meter.reset }
