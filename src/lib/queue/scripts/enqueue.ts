import { RATE } from "./charge.ts"
import { PRELUDE } from "./prelude.ts"

/**
 * KEYS[1] prefix
 * ARGV[1] job, JSON without its start tag
 * ARGV[2] settings, JSON: nowMs, payloadTtlMs, jobTtlMs, resultTtlMs, wakeChannel, maxDepth,
 *         maxDepthPerCaller, maxBytes; rate: windowMs, stepMs, chargeMs, maxSkewMs, if the caller may submit only so often
 *
 * Returns { status, job JSON, position, when the caller's rate is whole again in ms or "" }; status is one of
 *   queued           the job waits at position
 *   known            its answer was known: the job has it already
 *   following        it shares the work of a job that waits or is worked on
 *   exists           this id was submitted before; the job is the first one
 *   queue_full, caller_queue_full, payload_missing   refused, nothing kept, no job
 *   rate_limited     refused: the caller has not one unit left, which an answer that is shared or known counts as
 *   cost_limited     refused: the caller has less left than its work counts as
 */
export const ENQUEUE = `${PRELUDE}
-- Exact in binary. A thousand callers that come once stand before somebody's second job, and no more.
local NEWCOMER_STEP = 1 / 1024
-- What ends the work posts the webhooks of all who share it, and a script is to be short.
local MAX_TOLD = 32

local job, s = cjson.decode(ARGV[1]), cjson.decode(ARGV[2])
local contentKey = job.contentKey and P .. ":content:" .. job.contentKey

local function create(ttlMs)
  return redis.call("SET", jobKey(job.id), cjson.encode(job), "NX", "PX", ttlMs or s.jobTtlMs)
end

-- A submit is charged for what is accepted, once: its own work by its estimate, what it shares as one unit.
${RATE}
-- The id was submitted before: the first job stands. What came with the repeat goes, its claim on the content too: the
-- first job may be of other content, or follow somebody.
local leads = false
local function answerExisting(existing)
  if leads then redis.call("DEL", contentKey) end
  if existing.payloadId ~= job.payloadId then dropPayload(job) end
  return { "exists", cjson.encode(existing), -1, wholeAgain }
end

local function refuse(status)
  local existing = load(job.id)
  if existing then return answerExisting(existing) end
  if leads then redis.call("DEL", contentKey) end
  dropPayload(job)
  return { status, "", -1, wholeAgain }
end

local function takeOver(leader)
  job.state, job.startedMs, job.finishedMs = "succeeded", s.nowMs, s.nowMs
  job.result, job.cached, job.contentKey = leader.result, true, nil
  if not create(s.resultTtlMs) then return answerExisting(load(job.id)) end
  dropPayload(job)
  chargeAlone(job.caller)
  announce(job)
  return { "known", cjson.encode(job), -1, wholeAgain }
end

local function follow(leader)
  job.leader, job.contentKey, job.start = leader.id, nil, leader.start
  job.round = leader.deaths and #leader.deaths or nil
  if not create() then return answerExisting(load(job.id)) end
  leader.followers = (leader.followers or 0) + 1
  if job.webhookUrl then
    leader.tell = leader.tell or {}
    table.insert(leader.tell, job.id)
  end
  dropPayload(job)
  if job.deadlineMs > leader.deadlineMs then
    -- The work may start as long as one of its tickets still waits for it; its bytes must last as long.
    leader.deadlineMs = job.deadlineMs
    if leader.payloadId then redis.call("PEXPIRE", payloadKey(leader), s.payloadTtlMs, "GT") end
  end
  leader.sharedTtlMs = math.max(leader.sharedTtlMs or 0, s.jobTtlMs)
  save(leader)
  redis.call("PEXPIRE", jobKey(leader.id), s.jobTtlMs, "GT")
  chargeAlone(job.caller)
  return { "following", cjson.encode(job), -1, wholeAgain }
end

if contentKey then
  local leaderId = redis.call("SET", contentKey, job.id, "NX", "GET", "PX", s.jobTtlMs)
  leads = not leaderId
  if leaderId and leaderId ~= job.id then
    local leader = load(leaderId)
    -- The key is the caller's own already; nobody learns another's answer even if one is made without.
    if leader and leader.caller ~= job.caller then leader = nil end
    -- Of a classifier that lags behind, or ahead: not the answer that was asked for.
    local isOther = leader and leader.state == "succeeded" and leader.resultVersion ~= job.modelVersion
    if isOther and job.modelVersion then leader = nil end
    local isFull = job.webhookUrl and leader and leader.tell and #leader.tell >= MAX_TOLD
    local share = leader and ({ succeeded = takeOver, queued = follow, processing = follow })[leader.state]
    if share and not (isFull and share == follow) then
      return affordsAlone(job.caller) and share(leader) or refuse("rate_limited")
    end
    redis.call("SET", contentKey, job.id, "PX", s.jobTtlMs)
    leads = true
  end
end

local queueN, fresh, v = "n:" .. job.queue, "fresh:" .. job.queue, "v:" .. job.queue
local depth, finishTag = "d:" .. job.caller, "f:" .. job.queue .. ":" .. flowOf(job)
local newest, last = "new:" .. job.queue, "last:" .. job.queue
local flow = redis.call("HMGET", FLOW, "n", "bytes", queueN, depth, v, finishTag, fresh, newest, last, "paused", rateField(job.caller))
for i = 1, 9 do flow[i] = tonumber(flow[i] or 0) end

if flow[1] >= s.maxDepth or flow[2] + job.bytes > s.maxBytes then return refuse("queue_full") end
if flow[4] >= s.maxDepthPerCaller then return refuse("caller_queue_full") end
if s.rate and not affords(flow[11], s.rate.chargeMs) then return refuse("cost_limited") end
if not keepPayload(job, s.payloadTtlMs) then return refuse("payload_missing") end

-- Start-time fair queueing (Goyal, Vin, Cheng 1996): a flow's next job starts where its last one ends, or now. Of
-- flows that start now each comes a little after the one before: in order, and a stream of them cannot stop the time.
local isNew = flow[6] <= flow[5]
local start = isNew and math.max(flow[5], flow[8] + NEWCOMER_STEP) or flow[6]
local finishes = start + tonumber(job.span)
job.start = tag(start)
if not create() then return answerExisting(load(job.id)) end

redis.call("ZADD", queueKey(job.queue), job.start, member(job))
local write = { "n", flow[1] + 1, "bytes", flow[2] + job.bytes, queueN, flow[3] + 1, depth, flow[4] + 1 }
local function set(name, value) write[#write + 1], write[#write + 2] = name, tag(value) end
set(finishTag, finishes)
if isNew then set(newest, start) end
if charge then
  wholeAgain = tag(charge)
  set(rateField(job.caller), charge)
end
if finishes > flow[9] then set(last, finishes) end
-- By how far, not by which way: an edge whose clock once ran ahead must not put this off for as long.
local stale = math.abs(s.nowMs - flow[7]) > SHARED_TTL_MS / 100
if stale then set(fresh, s.nowMs) end
-- An empty queue is no key at all: its first job gives it its TTL.
if stale or flow[3] == 0 then redis.call("PEXPIRE", queueKey(job.queue), SHARED_TTL_MS) end
redis.call("HSET", FLOW, unpack(write))
-- A pause is a person's wish and has no end of its own.
if stale and not flow[10] then redis.call("PEXPIRE", FLOW, SHARED_TTL_MS) end

-- Behind a long queue every classifier is awake already.
if flow[3] < 32 then redis.call("PUBLISH", s.wakeChannel, "queued:" .. job.queue) end
local position = 0
if flow[3] > 0 then position = redis.call("ZRANK", queueKey(job.queue), member(job)) end
return { "queued", cjson.encode(job), position, wholeAgain }
`
