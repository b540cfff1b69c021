--- include "lifetimes"

-- The member of a queue: what its counters have to know of a job, without its record.
local function memberOf(job) return job.id .. " " .. job.bytes .. " " .. job.caller end
local function readMember(member) return member:match("^(%S+) (%S+) (.+)$") end

local function countMembers(queue, members, by)
  local bytes, callers, bytesOf = 0, {}, {}
  for _, member in ipairs(members) do
    local _, size, caller = readMember(member)
    bytes, callers[caller] = bytes + tonumber(size), (callers[caller] or 0) + 1
    if size ~= "0" then bytesOf[caller] = (bytesOf[caller] or 0) + tonumber(size) end
  end
  redis.call("HINCRBY", keys.counters, fields.waiting, by * #members)
  redis.call("HINCRBY", keys.counters, fields.waitingIn(queue), by * #members)
  -- Minus zero is "-0", which Redis does not take for an integer.
  redis.call("HINCRBY", keys.counters, fields.bytes, by * bytes + 0)
  for caller, count in pairs(callers) do redis.call("HINCRBY", keys.counters, fields.waitingOf(caller), by * count) end
  for caller, size in pairs(bytesOf) do redis.call("HINCRBY", keys.counters, fields.bytesOf(caller), by * size) end
end

-- Rows are score, member, score, ... A queue that was empty is a new key, which has no TTL yet.
local function addToQueue(queue, rows)
  redis.call("ZADD", keys.queue(queue), unpack(rows))
  redis.call("PEXPIRE", keys.queue(queue), SHARED_TTL_MS)
end

-- At its old place: its start tag is as it was.
local function putBack(job)
  addToQueue(job.queue, { job.start, memberOf(job) })
  countMembers(job.queue, { memberOf(job) }, 1)
end

-- All of the members, or the one, may be gone already.
local function takeOut(queue, members)
  if #members > 0 and redis.call("ZREM", keys.queue(queue), unpack(members)) > 0 then countMembers(queue, members, -1) end
end
