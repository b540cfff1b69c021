#!lua flags=allow-oom
-- Changes what a person has set for one model: whether it is paused, and how many of its jobs are worked on at once.
--
-- KEYS[1] prefix   ARGV[1] model   ARGV[2] change, JSON: paused, concurrency; false takes one of them away
-- Returns what is set for models now, JSON, or "" for nothing.
--- include "job-record"
--- include "model-limits"
--- include "values"

local model, change = ARGV[1], cjson.decode(ARGV[2])
local limits, limit = decode(redis.call("HGET", keys.counters, fields.limits)) or {}, {}
for name, value in pairs(limits[model] or {}) do limit[name] = value end
for name, value in pairs(change) do limit[name] = value or nil end
limits[model] = (limit.paused or limit.concurrency) and limit or nil

local text = ""
for _ in pairs(limits) do text = cjson.encode(limits) end
if text ~= "" then
  redis.call("HSET", keys.counters, fields.limits, text)
  redis.call("PERSIST", keys.counters)
else
  redis.call("HDEL", keys.counters, fields.limits)
  refreshCounters()
end

-- What is worked on already counts.
if change.concurrency then
  local ids = {}
  for i, lease in ipairs(redis.call("ZRANGE", keys.leases, 0, -1)) do ids[i] = lease:match("^[^:]*") end
  for _, record in ipairs(readJobs(ids)) do
    local isReadable, job = pcall(decode, record)
    if isReadable and job and job.state == "processing" and modelOf(job.queue) == model then
      countIn(job)
      saveJob(job)
    end
  end
end
redis.call("PUBLISH", keys.wakeChannel, "queued")
return text
