--- include "lifetimes"
--- include "values"

-- An entry of a line is an event's id while it waits, and "id:token" while a deliverer holds its lease: removing that member
-- is the fence, as with the leases of jobs.
local function leaseOfEvent(eventId, token) return eventId .. ":" .. token end

-- Whether it is tried again: a try has failed, and what was asked to be sent again counts its tries anew.
local function isRetried(event)
  local last = event.attempts and event.attempts[#event.attempts]
  return event.state == "pending" and last ~= nil and last.error ~= nil
end

local function jobIdOf(eventId) return eventId:match("^msg_(.+)_%d+$") or "" end
local function loadRecord(jobId) return decode(redis.call("GET", keys.delivery(jobId))) end

local function eventOf(record, eventId)
  for _, event in ipairs(record and record.events or {}) do
    if event.id == eventId then return event end
  end
end

-- A delivered event is kept as long as a result; another, as long as it can be resent.
local function saveRecord(record, deliveredTtlMs)
  local ttlMs = deliveredTtlMs
  for _, event in ipairs(record.events) do
    if event.state ~= "delivered" then ttlMs = math.max(ttlMs, DELIVERY_TTL_MS) end
  end
  redis.call("SET", keys.delivery(record.jobId), cjson.encode(record), "PX", ttlMs)
end
