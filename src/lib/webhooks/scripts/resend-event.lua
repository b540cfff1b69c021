-- Sends an event again, at once and with a new schedule. What a deliverer holds just now is left to it, and follows if that
-- attempt fails.
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
local left = event.state == "pending" and keys.line(receiver) or keys.undelivered
if redis.call("ZREM", left, event.id) == 1 or event.state ~= "pending" then
  putInOutbox(resendsOf(receiver), event.id, nowMs)
elseif not redis.call("ZSCORE", keys.line(resendsOf(receiver)), event.id) then
  event.resendIsDue = true
end
event.state, event.tries, event.dueMs = "pending", 0, nowMs
saveRecord(record, DELIVERY_TTL_MS)
redis.call("PUBLISH", keys.wakeChannel, "outbox")
return cjson.encode(record)
