--- include "end-job"
--- include "job-record"
--- include "model-limits"
--- include "values"
--- include "waiting"

-- A lease of no job that never ends: it keeps the key, and so its TTL, while no job is worked on.
local KEEPER = "-"

local function reclaimJob(id, token, nowMs, deadTtlMs)
  local job = loadJob(id)
  if not job or job.leaseToken ~= token then return nil end
  if job.state == "queued" then
    job.leaseToken = nil
    putBack(job)
    saveJob(job)
  else
    local reason = "the lease of " .. job.worker .. " ran out"
    keepAttempt(job, reason, nowMs)
    endAttempt(job, reason, nowMs, deadTtlMs)
  end
  if job.state == "queued" then wakeAgain(job) end
  return job
end

-- Ends the attempts whose leases have expired, and the waits before the next ones, a page at a time. Returns their jobs, and when the next lease ends.
local function reclaimExpired(nowMs, deadTtlMs)
  local leases, reclaimed = redis.call("ZRANGE", keys.leases, 0, 31, "WITHSCORES"), {}
  for i = 1, #leases, 2 do
    if tonumber(leases[i + 1]) > nowMs then return reclaimed, leases[i] == KEEPER and "" or leases[i + 1] end
    redis.call("ZREM", keys.leases, leases[i])
    local id, token = leases[i]:match("^(.-):(.+)$")
    local isHandled, job = pcall(reclaimJob, id, token, nowMs, deadTtlMs)
    if not isHandled then setAside(id, nowMs) else reclaimed[#reclaimed + 1] = job end
  end
  return reclaimed, #leases == 64 and exact(nowMs) or ""
end
