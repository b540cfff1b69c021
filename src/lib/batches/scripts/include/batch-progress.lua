-- The progress of a batch. Every job that ends calls countInBatch(), which removes it from the batch's jobs in flight: each
-- picture counts once, whichever way it ended and however often a script is repeated.
--
-- The hash of a batch holds `plan` (JSON that no script reads), `eventPlan` (what of it goes into its webhook events: each
-- has a copy), what of it the scripts need (caller, pictures, size, deadlineMs, keepUntilMs, webhookUrl, webhookEvery, list:
-- JSON, its id, caller, chunks, bytes and hour of expiry), how far it has come (cursor, succeeded, failed, canceled, failures,
-- ended, error, startedMs, finishedMs), the token of its lease, and for the rate an instant and how many were done then (markMs,
-- markDone) and the next such pair (nextMs, nextDone).
--- include "lifetimes"
--- include "outbox"
--- include "values"

local MAX_FAILURES = 10

local NUMBERS = { "pictures", "size", "cursor", "succeeded", "failed", "canceled", "webhookEvery" }
local function readProgress(id)
  local values = redis.call("HMGET", keys.batch(id), "ended", "failures", "finishedMs", "list", unpack(NUMBERS))
  if not values[5] then return nil end
  local batch = { ended = values[1], failures = values[2], finishedMs = values[3], list = values[4] }
  for i, name in ipairs(NUMBERS) do batch[name] = tonumber(values[i + 4] or 0) end
  batch.done = batch.succeeded + batch.failed + batch.canceled
  return batch
end

-- Counts only: a list can have a hundred thousand characters of names, and a batch posts a hundred events. The event at the end
-- has what failed.
local EVENT_FIELDS = { "cursor", "succeeded", "failed", "canceled", "ended", "error", "startedMs", "finishedMs", "markMs", "markDone" }
local function postBatch(id, nowMs, kind)
  local values = redis.call("HMGET", keys.batch(id), "webhookUrl", "caller", "eventPlan", "plan", "failures", unpack(EVENT_FIELDS))
  if not values[1] then return end
  -- A batch that an older edge made has no plan for events.
  local shown = { plan = values[3] or values[4], failures = kind == "end" and values[5] or nil }
  for i, name in ipairs(EVENT_FIELDS) do shown[name] = values[i + 5] or nil end
  postEvent({ id = id, caller = values[2], webhookUrl = values[1] }, { kind = kind, batch = cjson.encode(shown) }, nowMs)
  redis.call("PUBLISH", keys.wakeChannel, "outbox")
end

local function finishBatch(id, nowMs)
  redis.call("HSET", keys.batch(id), "finishedMs", exact(nowMs))
  redis.call("ZREM", keys.batches, id)
  postBatch(id, nowMs, "end")
end

local function addFailure(batch, job)
  local failures = batch.failures and cjson.decode(batch.failures) or {}
  if #failures >= MAX_FAILURES then return nil end
  local input = cjson.decode(job.input)
  local url = input.source and input.source.url or ""
  table.insert(failures, { row = job.batch.row, url = url, error = cjson.decode(job.error) })
  return cjson.encode(failures)
end

local function countInBatch(job, nowMs)
  local id = job.batch.id
  if redis.call("ZREM", keys.batchFlight(id), job.id) == 0 then return end
  local batch = readProgress(id)
  if not batch then return end
  local write = { job.state, batch[job.state] + 1 }
  local failures = job.state == "failed" and addFailure(batch, job)
  if failures then write[3], write[4] = "failures", failures end
  redis.call("HSET", keys.batch(id), unpack(write))
  local done = batch.done + 1
  if done == batch.pictures then return finishBatch(id, nowMs) end
  if batch.webhookEvery > 0 and done % batch.webhookEvery == 0 and not batch.ended then postBatch(id, nowMs, "progress") end
  -- On the way down it is passed once; if that wake-up is lost, classifiers look by themselves.
  local isLow = batch.cursor - done == math.floor(batch.size / 2)
  if isLow and batch.cursor < batch.pictures and not batch.ended then
    redis.call("ZADD", keys.batches, "XX", "LT", nowMs, id)
    redis.call("PUBLISH", keys.wakeChannel, "batches")
  end
end

-- A picture that had failed is tried again: its batch is not done any longer. One that still has rows to enqueue keeps its
-- place, and no deadline moves to an earlier one, or those rows would expire with this picture.
local function countOutOfBatch(job, untilMs, nowMs)
  local id = job.batch.id
  local key, batch = keys.batch(id), readProgress(id)
  if not batch then return end
  redis.call("ZADD", keys.batchFlight(id), job.batch.picture, job.id)
  redis.call("PEXPIRE", keys.batchFlight(id), SHARED_TTL_MS)
  local url, kept = cjson.decode(job.input).source.url, {}
  for _, failure in ipairs(cjson.decode(batch.failures or "[]")) do
    if failure.url ~= url then kept[#kept + 1] = failure end
  end
  -- An empty list would be written as an object.
  local failures = #kept > 0 and cjson.encode(kept) or "[]"
  local deadlineMs = math.max(untilMs, tonumber(redis.call("HGET", key, "deadlineMs")))
  redis.call("HSET", key, "failed", batch.failed - 1, "deadlineMs", exact(deadlineMs), "failures", failures)
  if batch.finishedMs then
    redis.call("HDEL", key, "finishedMs")
    redis.call("ZADD", keys.batches, exact(deadlineMs), id)
  else
    redis.call("ZADD", keys.batches, "XX", "LT", exact(nowMs), id)
  end
  redis.call("PEXPIRE", keys.batches, SHARED_TTL_MS)
end
