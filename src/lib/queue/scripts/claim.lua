#!lua flags=allow-oom
-- Takes up to `max` jobs of `queues`, tried in that order, under one lease token. A job whose earlier attempt ended without
-- an answer may have killed its process: it is handed out alone, to a worker that holds no other job. One worker at a time is
-- asked to drain for a queue's suspects; the others claim the jobs behind them.
--
-- KEYS[1] prefix
-- ARGV[1] settings, JSON: nowMs, token, worker, queues, max, leaseMs, isIdle, skip, ahead, again, reclaims, heartbeat,
--         resultTtlMs, deadTtlMs
--
-- Returns { jobs JSON[], status, end of the next lease in ms or "", queues that are empty now, jobs JSON[] of others that it
-- reclaimed or ended }; status is one of
--   more    the queue had as many as requested: ask again when there is room
--   drain   a suspect waits at the head: finish what is held, then ask with isIdle
--   empty   nothing is left to claim
--   paused  a person stopped the queue
--- include "claim-counters"
--- include "deadlines"
--- include "job-record"
--- include "lifetimes"
--- include "model-limits"
--- include "pop"
--- include "reclaim"
--- include "values"

local s = cjson.decode(ARGV[1])

-- Queues that the caller knows to be empty; a job reclaimed to one is found anyway.
local skip = {}
for _, queue in ipairs(s.skip or {}) do skip[queue] = true end

-- No worker holds them: the log of this caller is where their lines can come from.
local reclaimed = {}

-- The reply of this very claim may have been lost: its token leads back to the jobs.
local function heldByToken()
  local ids, suffix = {}, ":" .. s.token
  for _, lease in ipairs(redis.call("ZRANGE", keys.leases, 0, -1)) do
    if lease:sub(-#suffix) == suffix then ids[#ids + 1] = lease:sub(1, -#suffix - 1) end
  end
  local held = {}
  for _, text in ipairs(readJobs(ids)) do held[#held + 1] = text or nil end
  return held
end

-- An idle classifier asks all its queues at once, which is one command. Few of them are asked one by one.
local function areEmpty(queues)
  local names = {}
  for i, queue in ipairs(queues) do names[i] = keys.queue(queue) end
  return #names > 2 and redis.call("EXISTS", unpack(names)) == 0
end

-- How many more jobs may be worked on, where a person has limited the model of a queue.
local limits, rooms = {}, {}
local function roomOf(queue)
  local model = modelOf(queue)
  local limit = limits[model]
  if not limit then return math.huge end
  rooms[model] = rooms[model] or (limit.paused and 0 or limit.concurrency - countRunning(model))
  return rooms[model]
end

-- A queue that has no room is as good as empty: what makes room there wakes classifiers.
local function pop(asked)
  local popped, isWanted, empty = {}, false, {}
  if areEmpty(asked) then return popped, isWanted, asked end
  for _, queue in ipairs(asked) do
    local room = roomOf(queue)
    local want = math.max(0, math.min(s.max - #popped, room))
    local rows = popFrom(queue, want)
    isWanted = isWanted or (want > 0 and #rows == want)
    if #rows < want or room <= 0 then empty[#empty + 1] = queue end
    for _, one in ipairs(rows) do popped[#popped + 1] = one end
  end
  return popped, isWanted, empty
end

if s.heartbeat and redis.call("HSET", keys.registry, "worker:" .. s.worker, s.heartbeat) == 1 then
  redis.call("PEXPIRE", keys.registry, SHARED_TTL_MS)
end
if s.again then
  local held = heldByToken()
  if #held > 0 then return { held, "more", "", {}, {} } end
end
local nextLeaseEnd = ""
if s.reclaims then
  local jobs
  jobs, nextLeaseEnd = reclaimExpired(s.nowMs, s.deadTtlMs)
  for _, job in ipairs(jobs) do
    -- Without an instant to be tried again at, it was not waiting for that.
    if not job.retryMs then reclaimed[#reclaimed + 1] = cjson.encode(job) end
    if job.state == "queued" then skip[job.queue] = nil end
  end
end
local asked = {}
for _, queue in ipairs(s.queues) do
  if not skip[queue] then asked[#asked + 1] = queue end
end
local popped, isWanted, empty = pop(asked)
-- The first sending of this claim may still be on its way.
if s.again then
  redis.call("HSET", keys.counters, fields.repeated(s.token), exact(s.nowMs))
  refreshCounters()
end
if #popped == 0 then return { {}, "empty", nextLeaseEnd, empty, reclaimed } end

local counters, drainers = readCounters(popped, s.token)
local isPaused = counters[fields.paused] > 0
-- The reply to this claim's repeat is the one that is waited for: a late one would lease jobs that no worker knows of.
local isLateDuplicate = not s.again and counters[fields.repeated(s.token)] ~= 0
if isPaused or isLateDuplicate then
  unpop(popped)
  return { {}, isPaused and "paused" or "empty", nextLeaseEnd, {}, reclaimed }
end

-- Others are asked for what a limited model has no room for.
limits = decode(counters[fields.limits]) or {}
local isLimited = false
for _, one in ipairs(popped) do isLimited = isLimited or limits[modelOf(one.queue)] ~= nil end
if isLimited then
  unpop(popped)
  popped, isWanted, empty = pop(asked)
  if #popped == 0 then return { {}, "empty", nextLeaseEnd, empty, reclaimed } end
  counters, drainers = readCounters(popped, s.token)
end

-- As isSuspect() in src/lib/queue/job.ts.
local function isSuspect(job)
  local tried = job.attempts - (job.timeouts or 0)
  return job.alone or tried > (job.payloadId and 0 or math.max(0, job.maxAttempts - 2))
end
local function read(text)
  local job = decode(text)
  return job, job and isSuspect(job)
end

-- One worker drains for the suspects of a queue; the others go on with the jobs behind them, until it seems dead.
local function setDrainer(queue)
  redis.call("HSET", keys.counters, fields.drainer(queue), string.format("%.0f %s", s.nowMs + s.leaseMs, s.worker))
end
local function anotherDrains(queue)
  local untilMs, worker = (drainers[queue] or ""):match("^(%d+) (.+)$")
  local leftMs = tonumber(untilMs or 0) - s.nowMs
  return worker and worker ~= s.worker and leftMs > 0 and leftMs <= s.leaseMs
end

local taken, leases, back, lateQueue = {}, {}, {}, nil
local status, served, isOver = isWanted and "more" or "empty", 0, false

local function stop(asStatus)
  status, empty, isOver = asStatus, {}, true
end

local function serve(one, job)
  local isExpired = not job or isLate(job, s.nowMs)
  if isExpired then lateQueue = one.queue end
  if not job or job.state ~= "queued" then return end
  if isExpired then
    failLate(job, s.nowMs, s.resultTtlMs)
    reclaimed[#reclaimed + 1] = cjson.encode(job)
    return
  end
  job.state, job.attempts, job.leaseToken, job.worker = "processing", job.attempts + 1, s.token, s.worker
  job.startedMs, job.claimedMs, job.retryMs = job.startedMs or s.nowMs, s.nowMs, nil
  job.ahead = math.max(0, (s.ahead or 0) + #taken)
  job.limited = nil
  local model = modelOf(one.queue)
  if limits[model] then
    countIn(job)
    rooms[model] = rooms[model] - 1
  end
  local lease, text = leaseOf(job), cjson.encode(job)
  redis.call("SET", keys.job(job.id), text, "XX", "KEEPTTL")
  taken[#taken + 1] = text
  leases[#leases + 1], leases[#leases + 2] = s.nowMs + s.leaseMs, lease
end

local function look(one, text)
  local isReadable, job, suspect = pcall(read, text)
  if suspect and (#taken > 0 or not s.isIdle) then
    back[#back + 1] = one
    if anotherDrains(one.queue) then return end
    if #taken == 0 then setDrainer(one.queue) end
    return stop(#taken > 0 and "more" or "drain")
  end
  countOut(counters, one)
  served = served + 1
  -- What cannot be handled must not strand those that left the queue with it.
  if not isReadable or not pcall(serve, one, job) then setAside(one.id, s.nowMs) end
  if suspect and #taken > 0 then
    setDrainer(one.queue)
    stop("more")
  end
end

local function lookAtAll(rows)
  local ids = {}
  for i, one in ipairs(rows) do ids[i] = one.id end
  served = 0
  for i, text in ipairs(readJobs(ids)) do
    if isOver or #taken == s.max or roomOf(rows[i].queue) <= 0 then
      back[#back + 1] = rows[i]
    else
      look(rows[i], text)
    end
  end
  if served > 0 then writeCounters(counters, served, s.nowMs, s.token) end
end

lookAtAll(popped)

-- Suspects that another worker drains for stood before the rest: a page behind them is looked at, and no more.
if #back > 0 and isWanted and #taken < s.max and not isOver and roomOf(back[1].queue) > 0 then
  local queue = back[1].queue
  local behind = popFrom(queue, 32)
  if #behind > 0 then
    counters, drainers = readCounters(behind, s.token)
    lookAtAll(behind)
  end
  if #taken == 0 and not isOver then
    empty[#empty + 1] = queue
    if #empty == #asked then status = "empty" end
  end
end
unpop(back)

if #leases > 0 then
  local added = redis.call("ZADD", keys.leases, "inf", KEEPER, unpack(leases))
  local refreshedMs = counters[fields.leasesRefreshed]
  if added > #leases / 2 or math.abs(s.nowMs - refreshedMs) > SHARED_TTL_MS / 10 then
    redis.call("PEXPIRE", keys.leases, SHARED_TTL_MS)
    redis.call("HSET", keys.counters, fields.leasesRefreshed, exact(s.nowMs))
  end
end
-- Behind one that is late there can be thousands: a page of them ends here, or each claim would find two more.
if isWanted and lateQueue then
  local _, ended = failAllLate(lateQueue, 0, s.nowMs, s.resultTtlMs)
  for _, job in ipairs(ended) do reclaimed[#reclaimed + 1] = cjson.encode(job) end
end
return { taken, status, nextLeaseEnd, empty, reclaimed }
