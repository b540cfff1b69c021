--- include "end-job"
--- include "job-record"
--- include "values"
--- include "waiting"

local LATE = cjson.encode({ code = "deadline_exceeded", message = "No classifier was free before the deadline" })

local function isLate(job, nowMs) return job.state == "queued" and not job.startedMs and nowMs > job.deadlineMs end

local function failLate(job, nowMs, ttlMs) finishJob(job, { state = "failed", error = LATE }, nowMs, ttlMs) end

local function readLate(text, nowMs)
  local job = decode(text)
  return job, job and isLate(job, nowMs)
end

-- Fails what is past its deadline among a hundred members of a queue, those from the rank `from` on; what has no record any
-- more goes too. Returns how many of them stay, those that were ended, and how many there were.
local function failAllLate(queue, from, nowMs, ttlMs)
  local members, ids, gone, late = redis.call("ZRANGE", keys.queue(queue), from, from + 99), {}, {}, {}
  for i, member in ipairs(members) do ids[i] = readMember(member) end
  for i, text in ipairs(readJobs(ids)) do
    local isReadable, job, isOver = pcall(readLate, text, nowMs)
    if not isReadable then setAside(ids[i], nowMs) end
    if not isReadable or isOver or not job then gone[#gone + 1] = members[i] end
    if isReadable and isOver then late[#late + 1] = job end
  end
  takeOut(queue, gone)
  for _, job in ipairs(late) do
    if not pcall(failLate, job, nowMs, ttlMs or redis.call("PTTL", keys.job(job.id))) then setAside(job.id, nowMs) end
  end
  return #members - #gone, late, #members
end
