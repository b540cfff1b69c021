-- Sends an event again: what waits for its next try at once, what is over with a fresh schedule. What a deliverer holds just
-- now is left to it.
--
-- KEYS[1] prefix   ARGV[1] job id   ARGV[2] event id, or "" for the latest   ARGV[3] now, ms
-- ARGV[4] how long its last attempt, or the last time that it was sent again, must be over, ms
--
-- Returns the record's JSON, "" when there is no such event, or the ms to wait when it is too soon.
--- include "delivery-record"
--- include "lifetimes"
--- include "outbox"

local record, nowMs = loadRecord(ARGV[1]), tonumber(ARGV[3])
if not record then return "" end
local event = ARGV[2] == "" and record.events[#record.events] or eventOf(record, ARGV[2])
if not event then return "" end
local pauseMs, last = tonumber(ARGV[4]), event.attempts and event.attempts[#event.attempts]
local sinceMs = nowMs - math.max(event.resentMs or 0, last and last.atMs + last.durationMs or 0)
-- What lies further ahead was written by a clock that ran fast, and must not refuse for longer than a pause.
if math.abs(sinceMs) < pauseMs then return math.ceil(math.min(pauseMs, pauseMs - sinceMs)) end
event.resentMs = nowMs
local receiver = receiverOf(record.url)
if event.state == "pending" then
  if redis.call("ZADD", keys.line(receiver), "XX", "CH", nowMs, event.id) == 1 then
    redis.call("ZADD", keys.outbox, "LT", nowMs, receiver)
    event.dueMs = nowMs
  end
else
  redis.call("ZREM", keys.undelivered, event.id)
  event.state, event.tries, event.dueMs = "pending", 0, nowMs
  putInOutbox(record.url, event.id, nowMs)
end
saveRecord(record, DELIVERY_TTL_MS)
redis.call("PUBLISH", keys.wakeChannel, "outbox")
return cjson.encode(record)
