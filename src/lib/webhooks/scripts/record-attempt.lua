#!lua flags=allow-oom
-- Records one attempt and what follows from it.
--
-- KEYS[1] prefix
-- ARGV[1] event id   ARGV[2] line   ARGV[3] lease token
-- ARGV[4] settings, JSON: nowMs, outcome ("delivered" | "gone" | "given_up" | "retry"), dueMs of a retry, attempt,
--         deliveredTtlMs
--
-- Returns 1 when it stands (or stood already, by the same token), 0 when the lease is lost; then the attempt is recorded all
-- the same, since it was made, and a receipt counts.
--- include "delivery-record"
--- include "kept-bytes"
--- include "lifetimes"
--- include "outbox"
--- include "values"

local MAX_ATTEMPTS_KEPT = 50
local id, line, token, s = ARGV[1], ARGV[2], ARGV[3], cjson.decode(ARGV[4])
local held = redis.call("ZREM", keys.line(line), leaseOfEvent(id, token))
local record = loadRecord(jobIdOf(id))
local event = eventOf(record, id)
if not event then return 0 end

event.attempts = event.attempts or {}
for _, attempt in ipairs(event.attempts) do
  if attempt.token == token then return 1 end
end
s.attempt.token = token
table.insert(event.attempts, s.attempt)
if #event.attempts > MAX_ATTEMPTS_KEPT then table.remove(event.attempts, 1) end

local nextLine = nil
if s.outcome == "delivered" then
  if event.state ~= "pending" then redis.call("ZREM", keys.undelivered, id) end
  event.state, event.dueMs = "delivered", nil
elseif held == 1 and event.state == "pending" then
  event.tries = event.tries + 1
  -- It is kept for longer than was counted when its job came.
  local bytes = #cjson.encode(event.tries == 1 and event or s.attempt)
  chargeKept(record.caller, s.nowMs, untilOf(s.nowMs, DELIVERY_TTL_MS), bytes)
  if event.resendIsDue then
    event.tries, event.dueMs, nextLine = 0, s.nowMs, resendsOf(receiverOf(record.url))
  elseif s.outcome == "retry" then
    event.dueMs, nextLine = s.dueMs, receiverOf(record.url)
  else
    event.state, event.dueMs = s.outcome, nil
    redis.call("ZADD", keys.undelivered, s.nowMs, id)
    redis.call("ZREMRANGEBYSCORE", keys.undelivered, "-inf", "(" .. exact(s.nowMs - DELIVERY_TTL_MS))
    redis.call("PEXPIRE", keys.undelivered, DELIVERY_TTL_MS)
  end
end
if nextLine then putInOutbox(nextLine, id, event.dueMs) end
if held == 1 and event.resendIsDue then
  event.resendIsDue = nil
  redis.call("PUBLISH", keys.wakeChannel, "outbox")
end
saveRecord(record, s.deliveredTtlMs)
return held
