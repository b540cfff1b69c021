-- Moves the first jobs that wait for one model to the end of their callers' lines for another. A caller that sends the same
-- picture for the first model again does not get the answer of the second.
--
-- KEYS[1] prefix   ARGV[1] settings, JSON: queue, toQueue, toModel, nowMs
-- Returns { how many places were cleared, how many jobs were moved }; call again until it is { 0, 0 }.
--- include "job-record"
--- include "placement"
--- include "take-waiting"
--- include "values"

local s = cjson.decode(ARGV[1])
local count, jobs = takeFirst(s.queue, s.nowMs)
for _, job in ipairs(jobs) do
  local contentKey = job.contentKey and keys.content(job.contentKey)
  if contentKey and redis.call("GET", contentKey) == job.id then redis.call("DEL", contentKey) end
  job.contentKey, job.modelVersion = nil, nil
  job.model, job.queue = s.toModel, s.toQueue
  local place = readPlace(job.queue, job.caller, job.batch)
  job.start = exact(place.next)
  addJob(place, job)
  writePlace(place, s.nowMs)
  saveJob(job)
end
return { count, #jobs }
