#!lua flags=allow-oom
-- Takes what is due, up to `max` entries, under one lease token; of each receiver as many as it has capacity for.
--
-- KEYS[1] prefix
-- ARGV[1] settings, JSON: nowMs, token, leaseMs, max, perReceiver, capacity (by receiver, where that is not perReceiver)
--
-- Returns { { event id, receiver, record JSON }[], when something is due next for receivers that have capacity, ms or "" };
-- that is now when more is due than was taken. An entry whose event is over or gone is dropped.
--- include "delivery-record"
--- include "values"

local s = cjson.decode(ARGV[1])
local taken, scores, empty, nextMs = {}, {}, {}, nil
local function sooner(ms) nextMs = math.min(nextMs or ms, ms) end

-- Leases up to `want` due entries of a line. Returns how many, and what the first of the rest is due at.
local function takeFrom(receiver, want)
  local rows = redis.call("ZRANGE", keys.line(receiver), 0, want, "WITHSCORES")
  local add, remove, rest = {}, {}, nil
  for i = 1, #rows, 2 do
    local dueMs = tonumber(rows[i + 1])
    if dueMs > s.nowMs or #remove == want then
      rest = dueMs
      break
    end
    local id = rows[i]:match("^[^:]+")
    remove[#remove + 1] = rows[i]
    add[#add + 1], add[#add + 2] = s.nowMs + s.leaseMs, leaseOfEvent(id, s.token)
    taken[#taken + 1] = { id, receiver }
  end
  if #remove > 0 then
    -- In this order: a line that were empty in between would lose its TTL.
    redis.call("ZADD", keys.line(receiver), unpack(add))
    redis.call("ZREM", keys.line(receiver), unpack(remove))
  end
  return #remove, rest
end

local blocked = 0
for _, capacity in pairs(s.capacity) do
  if capacity <= 0 then blocked = blocked + 1 end
end
local rows = redis.call("ZRANGE", keys.outbox, 0, blocked + s.max, "WITHSCORES")
local isWholePage = #rows == 2 * (blocked + s.max + 1)
for i = 1, #rows, 2 do
  local receiver, dueMs = rows[i], tonumber(rows[i + 1])
  local capacity = s.capacity[receiver] or s.perReceiver
  if capacity > 0 then
    if dueMs > s.nowMs or #taken == s.max then
      sooner(dueMs)
      isWholePage = false
      break
    end
    local count, rest = takeFrom(receiver, math.min(capacity, s.max - #taken))
    local first = count > 0 and math.min(rest or math.huge, s.nowMs + s.leaseMs) or rest
    if first then
      scores[#scores + 1], scores[#scores + 2] = first, receiver
      -- A receiver that is at its capacity now is looked at when it has some.
      if count < capacity or first > s.nowMs then sooner(first) end
    else
      empty[#empty + 1] = receiver
    end
  end
end
if isWholePage then sooner(s.nowMs) end
if #scores > 0 then redis.call("ZADD", keys.outbox, unpack(scores)) end
if #empty > 0 then redis.call("ZREM", keys.outbox, unpack(empty)) end
local nextText = nextMs and exact(nextMs) or ""
if #taken == 0 then return { {}, nextText } end

local records, live = {}, {}
for i, entry in ipairs(taken) do records[i] = keys.delivery(jobIdOf(entry[1])) end
for i, text in ipairs(redis.call("MGET", unpack(records))) do
  local entry = taken[i]
  local event = eventOf(decode(text), entry[1])
  if event and event.state == "pending" then
    entry[3] = text
    live[#live + 1] = entry
  else
    redis.call("ZREM", keys.line(entry[2]), leaseOfEvent(entry[1], s.token))
  end
end
return { live, nextText }
