#!lua flags=allow-oom
-- Leases up to `max` batches that are due, under one token: its holder enqueues their next pictures.
--
-- KEYS[1] prefix   ARGV[1] settings, JSON: nowMs, token, leaseMs, max, again
-- Returns { { id, fields and values }[], when the next one is due, ms or "" }.
--- include "values"

local s, leased = cjson.decode(ARGV[1]), {}
-- The reply of an earlier call with this token may have been lost: it gets the same batches.
if s.again then
  local untilMs = exact(s.nowMs + s.leaseMs)
  for _, id in ipairs(redis.call("ZRANGE", keys.batches, "(" .. exact(s.nowMs), untilMs, "BYSCORE", "LIMIT", 0, 64)) do
    if redis.call("HGET", keys.batch(id), "token") == s.token then
      leased[#leased + 1] = { id, redis.call("HGETALL", keys.batch(id)) }
    end
  end
  if #leased > 0 then return { leased, exact(s.nowMs) } end
end
local rows = redis.call("ZRANGE", keys.batches, 0, s.max, "WITHSCORES")
for i = 1, #rows, 2 do
  local id, dueMs = rows[i], tonumber(rows[i + 1])
  if dueMs > s.nowMs or #leased == s.max then return { leased, exact(dueMs) } end
  if redis.call("EXISTS", keys.batch(id)) == 1 then
    redis.call("ZADD", keys.batches, s.nowMs + s.leaseMs, id)
    redis.call("HSET", keys.batch(id), "token", s.token)
    leased[#leased + 1] = { id, redis.call("HGETALL", keys.batch(id)) }
  else
    redis.call("ZREM", keys.batches, id)
  end
end
-- Of a full page some were expired, and what is behind them may be due.
if #rows == 2 * (s.max + 1) then return { leased, exact(s.nowMs) } end
return { leased, #leased > 0 and exact(s.nowMs + s.leaseMs) or "" }
