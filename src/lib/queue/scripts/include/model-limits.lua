-- What a person has set for one model: field `limits` of the counters, JSON, { "<model>": { paused, concurrency } }. A model is the
-- name of a queue without "@url": "@resize" stands for itself.
--- include "job-record"
--- include "lifetimes"

local function modelOf(queue) return (queue:gsub("@url$", "")) end

-- Jobs of a limited model that are worked on. Only their leases say so: what has ended in whichever way is forgotten here.
local function countRunning(model)
  local leases, gone = redis.call("SMEMBERS", keys.running(model)), {}
  if #leases == 0 then return 0 end
  for i, endsMs in ipairs(redis.call("ZMSCORE", keys.leases, unpack(leases))) do
    if not endsMs then gone[#gone + 1] = leases[i] end
  end
  if #gone > 0 then redis.call("SREM", keys.running(model), unpack(gone)) end
  return #leases - #gone
end

-- The record says so, too: whatever ends it wakes those that wait for its place.
local function countIn(job)
  job.limited = true
  redis.call("SADD", keys.running(modelOf(job.queue)), leaseOf(job))
  redis.call("PEXPIRE", keys.running(modelOf(job.queue)), SHARED_TTL_MS)
end

-- Its place may be for an upload or for an image at a URL, whichever it was.
local function wakeLimited(job)
  local model = modelOf(job.queue)
  redis.call("PUBLISH", keys.wakeChannel, "queued:" .. model)
  redis.call("PUBLISH", keys.wakeChannel, "queued:" .. model .. "@url")
end

-- A job that is tried again, and what it leaves a place to.
local function wakeAgain(job)
  if job.limited then wakeLimited(job) else redis.call("PUBLISH", keys.wakeChannel, "queued:" .. job.queue) end
end

-- What a person has set has no end of its own.
local function refreshCounters()
  local kept = redis.call("HMGET", keys.counters, fields.paused, fields.limits)
  if not (kept[1] or kept[2]) then redis.call("PEXPIRE", keys.counters, SHARED_TTL_MS) end
end
