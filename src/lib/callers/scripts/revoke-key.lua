-- Ends an API key. Its name stays taken.
--
-- KEYS[1] hash of keys by the SHA-256 of each   KEYS[2] hash of names, those of revoked keys too
-- KEYS[3] hash of the days of use   ARGV[1] name   ARGV[2] now, ms
--
-- Returns "revoked", also for one that was revoked before, or "missing".

local known = redis.call("HGET", KEYS[2], ARGV[1])
if not known then return "missing" end
if known:find("^revoked") then return "revoked" end
redis.call("HDEL", KEYS[1], known)
redis.call("HDEL", KEYS[3], ARGV[1])
redis.call("HSET", KEYS[2], ARGV[1], "revoked:" .. ARGV[2])
return "revoked"
