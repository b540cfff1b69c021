#!lua flags=allow-oom
-- Stops claiming. A person ends it: the key that holds it has no TTL.
--
-- KEYS[1] prefix
-- Returns nothing.

redis.call("HSET", keys.counters, fields.paused, "1")
redis.call("PERSIST", keys.counters)
