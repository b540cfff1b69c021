#!lua flags=allow-oom
-- Ends a batch before its time: what waits in the queue or is worked on is stopped, a page at a time, and what is past the
-- cursor never begins. One that is canceled is kept no longer than a result, and its list not at all where there is none.
--
-- KEYS[1] prefix
-- ARGV[1] id   ARGV[2] "canceled" | "expired"   ARGV[3] now, ms   ARGV[4] TTL of a stopped job, ms   ARGV[5] page
-- ARGV[6] why it is given up, JSON: code and message; "" where its deadline came
--
-- Returns { status, how many are still in flight, fields and values }; status is "ended", "finished" (it was done, or
-- ended in another way) or "missing".
--- include "batch-progress"
--- include "byte-ledger"
--- include "deadlines"
--- include "end-job"
--- include "job-record"
--- include "list-ledgers"

local id, how, nowMs, ttlMs, page = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local why = (ARGV[6] or "") ~= "" and ARGV[6] or nil
local key = keys.batch(id)
local batch = readProgress(id)
if not batch then return { "missing", 0, {} } end
if batch.finishedMs or (batch.ended and batch.ended ~= how) then
  local status = batch.ended == how and "ended" or "finished"
  return { status, 0, redis.call("HGETALL", key) }
end

-- `isRead`: something of it was done, so that its rows are worth reading for as long as a result.
local function dropList(list, isRead)
  local ledgers = listLedgers(list)
  -- Long enough for what is in flight to be stopped and counted.
  local keptMs = math.max(ttlMs, 600000)
  local hour = math.floor((nowMs + keptMs) / HOUR_MS)
  if isRead and hour >= list.hour then return end
  returnBytes(ledgers, list.hour, list.bytes)
  local chunks = {}
  for i = 0, list.chunks - 1 do chunks[i + 1] = keys.listChunk(list.id, i) end
  if not isRead then return redis.call("UNLINK", unpack(chunks)) end
  for _, chunk in ipairs(chunks) do redis.call("PEXPIRE", chunk, keptMs) end
  redis.call("PEXPIRE", key, keptMs, "LT")
  -- The ledgers' own TTLs are for the later hour, which they had.
  for _, ledger in ipairs(ledgers) do redis.call("HINCRBY", ledger, hour, list.bytes) end
end

local state = how == "canceled" and "canceled" or "failed"
if not batch.ended then
  if how == "canceled" and batch.list then dropList(cjson.decode(batch.list), batch.succeeded + batch.failed > 0) end
  local rest = batch.pictures - batch.cursor
  redis.call("HSET", key, "ended", how, state, batch[state] + rest)
  if why then redis.call("HSET", key, "error", why) end
  -- If this is interrupted, a classifier continues.
  redis.call("ZADD", keys.batches, nowMs + 5000, id)
  if batch.done + rest == batch.pictures then finishBatch(id, nowMs) end
end
local outcome = { state = state, error = state == "failed" and (why or LATE) or nil, finishedMs = nowMs }
for _, jobId in ipairs(redis.call("ZRANGE", keys.batchFlight(id), 0, page - 1)) do
  local job = loadJob(jobId)
  if isOpen(job) then
    stopJob(job, outcome, ttlMs)
  else
    -- Its record is gone: nothing will ever end it.
    redis.call("ZREM", keys.batchFlight(id), jobId)
    local left = readProgress(id)
    redis.call("HSET", key, "failed", left.failed + 1)
    if left.done + 1 == left.pictures then finishBatch(id, nowMs) end
  end
end
local inFlight, rows, isFinished = redis.call("ZCARD", keys.batchFlight(id)), redis.call("HGETALL", key), false
for i = 1, #rows, 2 do isFinished = isFinished or rows[i] == "finishedMs" end
-- What is neither in flight nor counted was lost: nothing else would ever count it.
if inFlight == 0 and not isFinished then
  local left = readProgress(id)
  redis.call("HSET", key, "failed", left.failed + left.pictures - left.done)
  finishBatch(id, nowMs)
  rows = redis.call("HGETALL", key)
end
return { "ended", inFlight, rows }
