#!lua flags=allow-oom
-- KEYS[1] prefix
-- Returns nothing.
--- include "model-limits"

redis.call("HDEL", keys.counters, fields.paused)
refreshCounters()
redis.call("PUBLISH", keys.wakeChannel, "queued")
