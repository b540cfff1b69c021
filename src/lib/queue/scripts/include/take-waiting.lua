--- include "job-record"
--- include "values"
--- include "waiting"

-- What one call takes of a queue: Upstash runs one script at a time.
local MAX_TAKEN = 32

-- Takes the first jobs out of a queue, and counts them out. Returns how many places that were, and the jobs.
local function takeFirst(queue, nowMs)
  local members, ids, jobs = redis.call("ZRANGE", keys.queue(queue), 0, MAX_TAKEN - 1), {}, {}
  for i, member in ipairs(members) do ids[i] = readMember(member) end
  takeOut(queue, members)
  for i, text in ipairs(readJobs(ids)) do
    local isReadable, job = pcall(decode, text)
    if not isReadable then setAside(ids[i], nowMs) end
    if isReadable and job and job.state == "queued" then jobs[#jobs + 1] = job end
  end
  return #members, jobs
end
