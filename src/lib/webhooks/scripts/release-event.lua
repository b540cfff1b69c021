#!lua flags=allow-oom
-- Gives an entry back unsent: the next deliverer that looks takes it.
--
-- KEYS[1] prefix   ARGV[1] event id   ARGV[2] line   ARGV[3] lease token   ARGV[4] now, ms
-- Returns 1 when it was held, else 0.
--- include "delivery-record"
--- include "outbox"

if redis.call("ZREM", keys.line(ARGV[2]), leaseOfEvent(ARGV[1], ARGV[3])) == 0 then return 0 end
putInOutbox(ARGV[2], ARGV[1], tonumber(ARGV[4]))
redis.call("PUBLISH", keys.wakeChannel, "outbox")
return 1
