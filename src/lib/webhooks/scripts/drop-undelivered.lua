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
if not event or event.state ~= "pending" or event.tries == 0 then return 0 end
if redis.call("ZREM", keys.line(receiverOf(record.url)), event.id) == 0 then return 0 end
event.state, event.dueMs = "given_up", nil
saveRecord(record, DELIVERY_TTL_MS)
return 1
