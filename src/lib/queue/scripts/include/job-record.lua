--- include "lifetimes"
--- include "values"

local function loadJob(id) return decode(redis.call("GET", keys.job(id))) end

-- The records of jobs, as texts.
local function readJobs(ids)
  local names = {}
  for i, id in ipairs(ids) do names[i] = keys.job(id) end
  return #names > 0 and redis.call("MGET", unpack(names)) or {}
end

local function isOpen(job) return job and (job.state == "queued" or job.state == "processing") end
local function leaseOf(job) return job.id .. ":" .. job.leaseToken end

-- XX, or a job that expired meanwhile would come back without a TTL.
local function saveJob(job) redis.call("SET", keys.job(job.id), cjson.encode(job), "XX", "KEEPTTL") end

-- A batch's results are read together: the first of them must last as long as the last. Tickets that share a job's work read
-- their answer in its record, so that it lasts as long as any of them.
local function lifeMsOf(job, ttlMs)
  ttlMs = math.max(ttlMs, job.sharedTtlMs or 0)
  if not job.batch then return ttlMs end
  return math.max(ttlMs, job.batch.keepUntilMs - (job.finishedMs or job.createdMs))
end
local function saveJobFor(job, ttlMs)
  redis.call("SET", keys.job(job.id), cjson.encode(job), "PX", lifeMsOf(job, ttlMs))
end

-- A job whose picture is still to be fetched has no bytes here.
local function keepPayload(job, ttlMs)
  return not job.payloadId or redis.call("PEXPIRE", keys.payload(job.payloadId), ttlMs) == 1
end
local function dropPayload(job)
  if job.payloadId then redis.call("UNLINK", keys.payload(job.payloadId)) end
end

-- What a script cannot handle goes to the dead letters alone, and strands no neighbour.
local function setAside(id, nowMs)
  redis.call("ZADD", keys.dead, nowMs, id)
  redis.call("PEXPIRE", keys.dead, SHARED_TTL_MS, "NX")
end
