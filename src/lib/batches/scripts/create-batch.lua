-- Accepts a batch whose list is stored.
--
-- KEYS[1] prefix
-- ARGV[1] plan, JSON, kept as it is   ARGV[3] what of it goes into webhook events, JSON, or ""
-- ARGV[2] settings, JSON: id, caller, list (id, caller, chunks, bytes, hour of expiry), maxBytes, maxBytesOfCaller, pictures,
--         size, deadlineMs, keepUntilMs, nowMs, webhookUrl, webhookEvery
--
-- Returns { "created" | "exists", fields and values of the batch }; { "list_missing", {} } when a chunk of it is gone,
-- { "full", {} } or { "caller_full", {} } where it has no room.
--- include "byte-ledger"
--- include "lifetimes"
--- include "list-ledgers"
--- include "values"

local s = cjson.decode(ARGV[2])
local key, ttlMs = keys.batch(s.id), s.keepUntilMs - s.nowMs
if redis.call("EXISTS", key) == 1 then return { "exists", redis.call("HGETALL", key) } end
local list = s.list
local limits = { s.maxBytes, s.maxBytesOfCaller }
local room = reserveBytes(listLedgers(list), limits, math.floor(s.nowMs / HOUR_MS), list.hour, list.bytes)
if room ~= 1 then return { room == 0 and "full" or "caller_full", {} } end
for i = 0, list.chunks - 1 do
  if redis.call("PEXPIRE", keys.listChunk(list.id, i), ttlMs) == 0 then
    returnBytes(listLedgers(list), list.hour, list.bytes)
    return { "list_missing", {} }
  end
end
local row = { "plan", ARGV[1], "caller", s.caller, "pictures", s.pictures, "size", s.size, "deadlineMs", exact(s.deadlineMs) }
local function set(name, value) row[#row + 1], row[#row + 2] = name, value end
if s.webhookUrl then set("webhookUrl", s.webhookUrl) end
if s.webhookEvery then set("webhookEvery", s.webhookEvery) end
set("list", cjson.encode(list))
if ARGV[3] ~= "" then set("eventPlan", ARGV[3]) end
redis.call("HSET", key, unpack(row))
redis.call("PEXPIRE", key, ttlMs)
redis.call("ZADD", keys.batches, s.nowMs, s.id)
redis.call("PEXPIRE", keys.batches, SHARED_TTL_MS)
redis.call("PUBLISH", keys.wakeChannel, "batches")
return { "created", redis.call("HGETALL", key) }
