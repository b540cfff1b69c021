-- Where a job comes to stand in its queue: start-time fair queueing (Goyal, Vin, Cheng 1996). The next job of a flow starts
-- where its last one ends, or now. Of flows that start now each comes a little after the one before: in order, and a stream of
-- them cannot stop the virtual time.
--- include "lifetimes"
--- include "values"
--- include "waiting"

-- Exact in binary. A thousand callers with one job each are placed before another caller's second job.
local NEWCOMER_STEP = 1 / 1024

-- Behind a long queue every classifier is awake already.
local WAKE_BELOW = 32

-- A flow is a caller's single jobs, or the rows of its batches: rows must not stand before the caller's single pictures.
local function flowOf(caller, isBatch) return isBatch and caller .. "+batch" or caller end

-- What has to be known to place the next jobs of one flow.
local function readPlace(queue, caller, isBatch)
  local names = {
    fields.waiting, fields.bytes, fields.waitingIn(queue), fields.waitingOf(caller), fields.virtualTime(queue),
    fields.finishTag(queue, flowOf(caller, isBatch)), fields.refreshed(queue), fields.newestStart(queue), fields.lastFinish(queue),
    fields.paused, fields.rateReset(caller),
    fields.bytesOf(caller), fields.kept, fields.keptOf(caller), fields.limits,
  }
  local values = redis.call("HMGET", keys.counters, unpack(names))
  local numbers = {}
  for i = 1, 9 do numbers[i] = tonumber(values[i] or 0) end
  local place = {
    queue = queue, names = names, members = {},
    waiting = numbers[1], bytes = numbers[2], waitingIn = numbers[3], waitingOf = numbers[4],
    refreshedMs = numbers[7], lastFinish = numbers[9], isKept = values[10] or values[15], rateReset = values[11],
    kept = { values[13], values[14] }, storedBytesOf = tonumber(values[12] or 0),
  }
  -- A classifier of an older release does not count a caller's bytes out: a caller without waiting jobs has none.
  place.bytesOf = place.waitingOf > 0 and math.max(0, place.storedBytesOf) or 0
  place.addedBytes, place.isNewcomer = 0, numbers[6] <= numbers[5]
  place.next = place.isNewcomer and math.max(numbers[5], numbers[8] + NEWCOMER_STEP) or numbers[6]
  place.first = place.next
  return place
end

-- The next jobs of the flow come after this one, by its cost divided by its weight.
local function addJob(place, job)
  place.members[#place.members + 1], place.members[#place.members + 2] = job.start, memberOf(job)
  place.next = place.next + tonumber(job.span or 1)
  place.addedBytes = place.addedBytes + job.bytes
end

-- Puts what was added into the queue; `more` are further fields of the counters, with their values.
local function writePlace(place, nowMs, more)
  local queue, names, count = place.queue, place.names, #place.members / 2
  redis.call("ZADD", keys.queue(queue), unpack(place.members))
  local write = more or {}
  local function set(name, value) write[#write + 1], write[#write + 2] = name, exact(value) end
  set(names[1], place.waiting + count)
  if place.addedBytes > 0 then set(names[2], place.bytes + place.addedBytes) end
  local bytesOf = place.bytesOf + place.addedBytes
  if bytesOf ~= place.storedBytesOf then set(names[12], bytesOf) end
  set(names[3], place.waitingIn + count)
  set(names[4], place.waitingOf + count)
  set(names[6], place.next)
  if place.isNewcomer then set(names[8], place.first) end
  if place.next > place.lastFinish then set(names[9], place.next) end
  -- By how far, not by which way: an edge whose clock once ran ahead must not put this off for as long.
  local isStale = math.abs(nowMs - place.refreshedMs) > SHARED_TTL_MS / 100
  if isStale then set(names[7], nowMs) end
  -- An empty queue is no key at all: its first job gives it its TTL.
  if isStale or place.waitingIn == 0 then redis.call("PEXPIRE", keys.queue(queue), SHARED_TTL_MS) end
  redis.call("HSET", keys.counters, unpack(write))
  -- What a person has set, a pause for example, has no end of its own.
  if isStale and not place.isKept then redis.call("PEXPIRE", keys.counters, SHARED_TTL_MS) end
  if place.waitingIn < WAKE_BELOW then redis.call("PUBLISH", keys.wakeChannel, "queued:" .. queue) end
end
