#!lua flags=allow-oom
-- Writes the models of a worker into the registry.
--
-- KEYS[1] registry   ARGV[1] TTL, ms   ARGV[2..] fields and values, none where the last model's folder is gone
-- Returns 1 when the registry is there.

if #ARGV > 1 then redis.call("HSET", KEYS[1], unpack(ARGV, 2)) end
return redis.call("PEXPIRE", KEYS[1], ARGV[1])
