#!lua flags=allow-oom
-- Takes an event that is over off the list of what was not delivered, or ends the tries of one that waits for another. What a
-- deliverer holds just now is left to it.
--
-- KEYS[1] prefix   ARGV[1] event id
-- Returns 1 when it was there, else 0.
--- include "delivery-record"
--- include "lifetimes"
--- include "outbox"

if redis.call("ZREM", keys.undelivered, ARGV[1]) == 1 then return 1 end
local record = loadRecord(jobIdOf(ARGV[1]))
local event = eventOf(record, ARGV[1])
if not event or not isRetried(event) then return 0 end
local receiver = receiverOf(record.url)
local removed = redis.call("ZREM", keys.line(receiver), event.id) + redis.call("ZREM", keys.line(resendsOf(receiver)), event.id)
if removed == 0 then return 0 end
event.state, event.dueMs = "given_up", nil
saveRecord(record, DELIVERY_TTL_MS)
return 1
