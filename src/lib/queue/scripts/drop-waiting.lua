#!lua flags=allow-oom
-- Fails the first jobs that wait in a queue: their tickets end, with what ending brings (webhooks, batches, bytes).
--
-- KEYS[1] prefix   ARGV[1] settings, JSON: queue, nowMs, resultTtlMs, error as text
-- Returns { how many places were cleared, how many jobs were ended }; call again until it is { 0, 0 }.
--- include "end-job"
--- include "job-record"
--- include "take-waiting"

local s = cjson.decode(ARGV[1])
local count, jobs = takeFirst(s.queue, s.nowMs)
for _, job in ipairs(jobs) do
  if not pcall(finishJob, job, { state = "failed", error = s.error }, s.nowMs, s.resultTtlMs) then setAside(job.id, s.nowMs) end
end
return { count, #jobs }
