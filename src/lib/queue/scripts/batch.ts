import { PRELUDE, WHEN_FULL } from "./prelude.ts"
import { BYTES_FUNCTIONS } from "./reserve-bytes.ts"

/**
 * Accepts a batch whose list is stored.
 *
 * KEYS[1] prefix
 * ARGV[1] plan, JSON, kept as it is   ARGV[3] what of it webhooks tell, JSON, or ""
 * ARGV[2] settings, JSON: id, caller, list (id, caller, chunks, bytes, hour of expiry), maxBytes, maxBytesOfCaller, pictures, size,
 *         deadlineMs, keepUntilMs, nowMs, webhookUrl, webhookEvery
 *
 * Returns { "created" | "exists", fields and values of the batch }; { "list_missing" } when a chunk of it is gone, { "full" } or
 * { "caller_full" } where it has no room.
 */
export const CREATE_BATCH = `${PRELUDE}${BYTES_FUNCTIONS}
local s = cjson.decode(ARGV[2])
local key, ttlMs = batchKey(s.id), s.keepUntilMs - s.nowMs
if redis.call("EXISTS", key) == 1 then return { "exists", redis.call("HGETALL", key) } end
local list = s.list
local limits = { s.maxBytes, s.maxBytesOfCaller }
local room = reserveBytes(listLedgers(list), limits, math.floor(s.nowMs / 3600000), list.hour, list.bytes)
if room ~= 1 then return { room == 0 and "full" or "caller_full", {} } end
for i = 0, list.chunks - 1 do
  if redis.call("PEXPIRE", chunkKey(list, i), ttlMs) == 0 then
    returnBytes(listLedgers(list), list.hour, list.bytes)
    return { "list_missing", {} }
  end
end
local fields = { "plan", ARGV[1], "caller", s.caller, "pictures", s.pictures, "size", s.size, "deadlineMs", tag(s.deadlineMs) }
for _, name in ipairs({ "webhookUrl", "webhookEvery" }) do
  if s[name] then fields[#fields + 1], fields[#fields + 2] = name, s[name] end
end
fields[#fields + 1], fields[#fields + 2] = "list", cjson.encode(list)
if ARGV[3] ~= "" then fields[#fields + 1], fields[#fields + 2] = "eventPlan", ARGV[3] end
redis.call("HSET", key, unpack(fields))
redis.call("PEXPIRE", key, ttlMs)
redis.call("ZADD", BATCHES, s.nowMs, s.id)
redis.call("PEXPIRE", BATCHES, SHARED_TTL_MS)
redis.call("PUBLISH", WAKE, "batches")
return { "created", redis.call("HGETALL", key) }
`

/**
 * Lends up to \`max\` batches that are due to a feeder, under its token.
 *
 * KEYS[1] prefix   ARGV[1] settings, JSON: nowMs, token, leaseMs, max
 * Returns { { id, fields and values }[], when the next one is due, ms or "" }.
 */
export const LEND_BATCHES = `${WHEN_FULL}${PRELUDE}
local s = cjson.decode(ARGV[1])
local rows, lent = redis.call("ZRANGE", BATCHES, 0, s.max, "WITHSCORES"), {}
for i = 1, #rows, 2 do
  local id, dueMs = rows[i], tonumber(rows[i + 1])
  if dueMs > s.nowMs or #lent == s.max then return { lent, tag(dueMs) } end
  if redis.call("EXISTS", batchKey(id)) == 1 then
    redis.call("ZADD", BATCHES, s.nowMs + s.leaseMs, id)
    redis.call("HSET", batchKey(id), "token", s.token)
    lent[#lent + 1] = { id, redis.call("HGETALL", batchKey(id)) }
  else
    redis.call("ZREM", BATCHES, id)
  end
end
-- Of a full page some were expired, and what is behind them may be due.
if #rows == 2 * (s.max + 1) then return { lent, tag(s.nowMs) } end
return { lent, #lent > 0 and tag(s.nowMs + s.leaseMs) or "" }
`

/**
 * Puts the next pictures of a batch into the queue, as many as its size and the queue's limits leave room for, and moves its
 * cursor in the same script.
 *
 * KEYS[1] prefix
 * ARGV[1] settings, JSON: id, token, cursor, nowMs, queue, caller, maxDepth, maxDepthPerCaller, jobTtlMs, keepUntilMs,
 *         leaseMs, lookMs, retryMs
 * ARGV[2..] jobs, JSON without their start tags, those of the pictures from \`cursor\` on
 *
 * Returns { status, cursor, when to look again, ms }; status is one of
 *   more   there is room for more, or the cursor had moved already
 *   full   its size is reached, or all is fed
 *   wait   the queue has no room
 *   ended  it is canceled, or done
 *   lost   somebody else feeds it
 */
export const FEED_BATCH = `${PRELUDE}
local s = cjson.decode(ARGV[1])
local key = batchKey(s.id)
local batch = readProgress(s.id)
local held = redis.call("HMGET", key, "token", "deadlineMs", "startedMs", "nextMs", "nextDone")
if not batch or held[1] ~= s.token then return { "lost", 0, "" } end
if batch.ended or batch.finishedMs then return { "ended", batch.cursor, "" } end
if batch.cursor ~= s.cursor then return { "more", batch.cursor, "" } end

local N, queueN, fresh, v = "n", "n:" .. s.queue, "fresh:" .. s.queue, "v:" .. s.queue
local flowName = flowOf({ caller = s.caller, batch = true })
local depth, finishTag = "d:" .. s.caller, "f:" .. s.queue .. ":" .. flowName
local newest, last = "new:" .. s.queue, "last:" .. s.queue
local flow = redis.call("HMGET", FLOW, N, queueN, depth, v, finishTag, fresh, newest, last, "paused")
for i = 1, 8 do flow[i] = tonumber(flow[i] or 0) end

local room = batch.size - (batch.cursor - batch.done)
-- Rows wait in their list for nothing: half of what may wait, in all and of their caller, is for single jobs.
local queueRoom = math.max(0, math.min(math.ceil(s.maxDepth / 2) - flow[1], math.ceil(s.maxDepthPerCaller / 2) - flow[3]))
local count = math.max(0, math.min(room, queueRoom, #ARGV - 1))

-- As one job after the other is placed by ENQUEUE: the flow's next starts where its last ends, or now.
local isNew = flow[5] <= flow[4]
local start = isNew and math.max(flow[4], flow[7] + 1 / 1024) or flow[5]
local members, flight, known, fed = {}, {}, {}, 0
for i = 1, count do
  local job = cjson.decode(ARGV[i + 1])
  job.start = tag(start)
  flight[#flight + 1], flight[#flight + 2] = job.batch.picture, job.id
  if redis.call("SET", jobKey(job.id), cjson.encode(job), "NX", "PX", s.jobTtlMs) then
    members[#members + 1], members[#members + 2] = job.start, member(job)
    start = start + tonumber(job.span)
    fed = fed + 1
  else
    -- Of a batch of the same id that is forgotten, as dead letters outlive it: as with any id, the first job stands.
    redis.call("PEXPIRE", jobKey(job.id), s.jobTtlMs, "GT")
    known[#known + 1] = load(job.id)
  end
end
local cursor = batch.cursor + count

if count > 0 then
  redis.call("ZADD", flightKey(s.id), unpack(flight))
  redis.call("PEXPIRE", flightKey(s.id), s.keepUntilMs - s.nowMs)
end
if fed > 0 then
  redis.call("ZADD", queueKey(s.queue), unpack(members))
  local write = { N, flow[1] + fed, queueN, flow[2] + fed, depth, flow[3] + fed, finishTag, tag(start) }
  local function set(name, value) write[#write + 1], write[#write + 2] = name, tag(value) end
  if isNew then set(newest, tonumber(members[1])) end
  if start > flow[8] then set(last, start) end
  local stale = math.abs(s.nowMs - flow[6]) > SHARED_TTL_MS / 100
  if stale then set(fresh, s.nowMs) end
  if stale or flow[2] == 0 then redis.call("PEXPIRE", queueKey(s.queue), SHARED_TTL_MS) end
  redis.call("HSET", FLOW, unpack(write))
  if stale and not flow[9] then redis.call("PEXPIRE", FLOW, SHARED_TTL_MS) end
  if flow[2] < 32 then redis.call("PUBLISH", WAKE, "queued:" .. s.queue) end
end

local write = { "cursor", cursor }
local function set(name, value) write[#write + 1], write[#write + 2] = name, value end
if not held[3] then set("startedMs", tag(s.nowMs)) end
if not held[4] or s.nowMs - tonumber(held[4]) >= 5000 then
  set("markMs", held[4] or tag(s.nowMs))
  set("markDone", held[5] or batch.done)
  set("nextMs", tag(s.nowMs))
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
redis.call("ZADD", BATCHES, math.min(dueMs, tonumber(held[2])), s.id)
for _, job in ipairs(known) do
  if not working(job) then countInBatch(job, s.nowMs) end
end
return { status, cursor, tag(dueMs) }
`

/**
 * Ends a batch before its time: what waits in the queue or is worked on is stopped, a page at a time, and what is past the
 * cursor never begins. One that is canceled is kept no longer than a result, and its list not at all where there is none.
 *
 * KEYS[1] prefix
 * ARGV[1] id   ARGV[2] "canceled" | "expired"   ARGV[3] now, ms   ARGV[4] TTL of a stopped job, ms   ARGV[5] page
 *
 * Returns { status, how many are still in flight, fields and values }; status is "ended", "finished" (it was done, or
 * ended in another way) or "missing".
 */
export const END_BATCH = `${WHEN_FULL}${PRELUDE}${BYTES_FUNCTIONS}
local id, how, nowMs, ttlMs, page = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local key = batchKey(id)
local batch = readProgress(id)
if not batch then return { "missing", 0, {} } end
if batch.finishedMs or (batch.ended and batch.ended ~= how) then
  local status = batch.ended == how and "ended" or "finished"
  return { status, 0, redis.call("HGETALL", key) }
end

-- \`kept\`: something of it was done, so that its rows are worth reading for as long as a result.
local function dropList(list, kept)
  local ledgers = listLedgers(list)
  -- Long enough for what is in flight to be stopped and counted.
  local keptMs = math.max(ttlMs, 600000)
  local hour = math.floor((nowMs + keptMs) / 3600000)
  if kept and hour >= list.hour then return end
  returnBytes(ledgers, list.hour, list.bytes)
  local chunks = {}
  for i = 0, list.chunks - 1 do chunks[i + 1] = chunkKey(list, i) end
  if not kept then return redis.call("UNLINK", unpack(chunks)) end
  for _, chunk in ipairs(chunks) do redis.call("PEXPIRE", chunk, keptMs) end
  redis.call("PEXPIRE", key, keptMs, "LT")
  -- The ledgers' own TTLs are for the later hour, which they had.
  for _, ledger in ipairs(ledgers) do redis.call("HINCRBY", ledger, hour, list.bytes) end
end

local state = how == "canceled" and "canceled" or "failed"
if not batch.ended then
  if how == "canceled" and batch.list then dropList(cjson.decode(batch.list), batch.succeeded + batch.failed > 0) end
  local unfed = batch.pictures - batch.cursor
  redis.call("HSET", key, "ended", how, state, batch[state] + unfed)
  -- Should we be broken off, a feeder goes on with it.
  redis.call("ZADD", BATCHES, nowMs + 5000, id)
  if batch.done + unfed == batch.pictures then finishBatch(id, nowMs) end
end
local outcome = { state = state, error = state == "failed" and LATE or nil, finishedMs = nowMs }
for _, jobId in ipairs(redis.call("ZRANGE", flightKey(id), 0, page - 1)) do
  local job = load(jobId)
  if working(job) then
    stopWork(job, outcome, ttlMs)
  else
    -- Its record is gone: nothing will ever end it.
    redis.call("ZREM", flightKey(id), jobId)
    local left = readProgress(id)
    redis.call("HSET", key, "failed", left.failed + 1)
    if left.done + 1 == left.pictures then finishBatch(id, nowMs) end
  end
end
return { "ended", redis.call("ZCARD", flightKey(id)), redis.call("HGETALL", key) }
`
