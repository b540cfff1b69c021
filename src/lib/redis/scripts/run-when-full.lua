#!lua flags=allow-oom
-- One command, also when Redis is full: for what is small and overwritten by the next.
--
-- KEYS[1] its key   ARGV the command
-- Returns its reply.

return redis.call(unpack(ARGV))
