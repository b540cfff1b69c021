#!lua flags=allow-oom
-- KEYS[1] prefix
-- Returns nothing.
--- include "lifetimes"

redis.call("HDEL", keys.counters, fields.paused)
redis.call("PEXPIRE", keys.counters, SHARED_TTL_MS)
redis.call("PUBLISH", keys.wakeChannel, "queued")
