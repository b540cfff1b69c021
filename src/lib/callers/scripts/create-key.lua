-- Makes an API key known.
--
-- KEYS[1] hash of keys by the SHA-256 of each   KEYS[2] hash of names, those of revoked keys too
-- ARGV[1] name   ARGV[2] SHA-256 of the key   ARGV[3] record, JSON
--
-- Returns "created", also for the same key again; "taken" or "revoked" for a name that is, or was, another key's: its tickets
-- are that key's alone, and the next owner of the name must not read them.

local known = redis.call("HGET", KEYS[2], ARGV[1])
if known and known ~= ARGV[2] then return known:find("^revoked") and "revoked" or "taken" end
redis.call("HSET", KEYS[2], ARGV[1], ARGV[2])
redis.call("HSET", KEYS[1], ARGV[2], ARGV[3])
return "created"
