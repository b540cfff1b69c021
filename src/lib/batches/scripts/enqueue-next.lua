-- Puts the next pictures of a batch into the queue, as many as its size and the queue's limits leave room for, and moves its
-- cursor in the same script.
--
-- KEYS[1] prefix
-- ARGV[1] settings, JSON: id, token, cursor, nowMs, queue, caller, jobTtlMs, keepUntilMs, leaseMs,
--         lookMs, retryMs; the limits of the queue (StoreLimits)
-- ARGV[2..] jobs, JSON without their start tags, those of the pictures from `cursor` on
--
-- Returns { status, cursor, when to look again, ms or "" }; status is one of
--   more   there is room for more, or the cursor had moved already
--   full   its size is reached, or all are enqueued
--   wait   the queue has no room
--   ended  it is canceled, or done
--   lost   another classifier holds its lease
--- include "batch-progress"
--- include "job-record"
--- include "kept-bytes"
--- include "placement"
--- include "values"

local RATE_STEP_MS = 5000
local s = cjson.decode(ARGV[1])
local key = keys.batch(s.id)
local batch = readProgress(s.id)
local held = redis.call("HMGET", key, "token", "deadlineMs", "startedMs", "nextMs", "nextDone")
if not batch or held[1] ~= s.token then return { "lost", 0, "" } end
if batch.ended or batch.finishedMs then return { "ended", batch.cursor, "" } end
if batch.cursor ~= s.cursor then return { "more", batch.cursor, "" } end

local place = readPlace(s.queue, s.caller, true)
local room = batch.size - (batch.cursor - batch.done)
-- Rows wait in their list for nothing: half of what may wait, in all and of their caller, is for single jobs.
local queueRoom = math.min(math.ceil(s.maxDepth / 2) - place.waiting, math.ceil(s.maxDepthPerCaller / 2) - place.waitingOf)
queueRoom = math.max(0, queueRoom)
-- Nor are more enqueued than there is room for what is kept of them.
local kept, keptBytes, fits = readKept(place.kept, s.nowMs), 0, 0
while fits < math.min(room, queueRoom, #ARGV - 1) do
  local more = keptBytes + #ARGV[fits + 2] + EXPECTED_BYTES
  if keptFull(kept, more, s) then queueRoom = fits else keptBytes, fits = more, fits + 1 end
end
local count = math.max(0, math.min(room, queueRoom, #ARGV - 1))

local flight, known = {}, {}
for i = 1, count do
  local job = cjson.decode(ARGV[i + 1])
  job.start = exact(place.next)
  flight[#flight + 1], flight[#flight + 2] = job.batch.picture, job.id
  if redis.call("SET", keys.job(job.id), cjson.encode(job), "NX", "PX", s.jobTtlMs) then
    addJob(place, job)
  else
    -- Of a batch of the same id that is forgotten, as dead letters outlive it: as with any id, the first job stands.
    redis.call("PEXPIRE", keys.job(job.id), s.jobTtlMs, "GT")
    known[#known + 1] = loadJob(job.id)
  end
end
local cursor = batch.cursor + count

if count > 0 then
  redis.call("ZADD", keys.batchFlight(s.id), unpack(flight))
  redis.call("PEXPIRE", keys.batchFlight(s.id), s.keepUntilMs - s.nowMs)
end
if #place.members > 0 then writePlace(place, s.nowMs, addKept(kept, s.caller, untilOf(s.nowMs, s.jobTtlMs), keptBytes)) end

local write = { "cursor", cursor }
local function set(name, value) write[#write + 1], write[#write + 2] = name, value end
if not held[3] then set("startedMs", exact(s.nowMs)) end
if not held[4] or s.nowMs - tonumber(held[4]) >= RATE_STEP_MS then
  set("markMs", held[4] or exact(s.nowMs))
  set("markDone", held[5] or batch.done)
  set("nextMs", exact(s.nowMs))
  set("nextDone", batch.done)
end
redis.call("HSET", key, unpack(write))

local status, dueMs = "more", s.nowMs + s.leaseMs
if cursor == batch.pictures then
  status, dueMs = "full", tonumber(held[2])
elseif count >= room then
  -- A picture that is tried again is in flight beside as many as the size allows: less than no room.
  status, dueMs = "full", s.nowMs + s.lookMs
elseif count == queueRoom then
  status, dueMs = "wait", s.nowMs + s.retryMs
end
redis.call("ZADD", keys.batches, math.min(dueMs, tonumber(held[2])), s.id)
for _, job in ipairs(known) do
  if not isOpen(job) then countInBatch(job, s.nowMs) end
end
return { status, cursor, exact(dueMs) }
