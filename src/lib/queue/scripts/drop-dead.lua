#!lua flags=allow-oom
-- Drops a dead letter. Its ticket stays failed until it expires.
--
-- KEYS[1] prefix   ARGV[1] job id   ARGV[2] TTL left to the job, ms
-- Returns 1 when the dead letter was dropped, 0 when there was none.
--- include "job-record"
--- include "kept-bytes"

if redis.call("ZREM", keys.dead, ARGV[1]) == 0 then return 0 end
local isReadable, job = pcall(loadJob, ARGV[1])
if not isReadable then
  redis.call("UNLINK", keys.job(ARGV[1]))
elseif job then
  dropPayload(job)
  returnKept(job)
  saveJobFor(job, tonumber(ARGV[2]))
end
return 1
