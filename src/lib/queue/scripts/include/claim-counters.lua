-- The counters that a claim reads and writes, in one command each.
--- include "kept-bytes"
--- include "lifetimes"
--- include "values"

local function readCounters(popped, token)
  local names = { fields.paused, fields.waiting, fields.bytes, fields.served, fields.sweepCursor, fields.leasesRefreshed, fields.repeated(token), fields.limits }
  local known, queues = {}, {}
  local function add(name)
    if not known[name] then names[#names + 1], known[name] = name, true end
  end
  for _, one in ipairs(popped) do
    queues[fields.drainer(one.queue)] = one.queue
    add(fields.waitingOf(one.caller))
    if one.bytes > 0 then add(fields.bytesOf(one.caller)) end
    add(fields.waitingIn(one.queue))
    add(fields.virtualTime(one.queue))
    add(fields.lastFinish(one.queue))
    add(fields.drainer(one.queue))
  end
  local values, counters, drainers = redis.call("HMGET", keys.counters, unpack(names)), {}, {}
  for i, name in ipairs(names) do
    if queues[name] then drainers[queues[name]] = values[i] or nil else counters[name] = tonumber(values[i] or 0) end
  end
  counters[fields.sweepCursor] = values[5] or "0" -- Redis's own word, which need not be a number that Lua can hold
  counters[fields.limits] = values[8] or nil
  return counters, drainers
end

local function countOut(counters, one)
  local function lower(name, by) counters[name] = math.max(0, counters[name] - by) end
  local inQueue, time = fields.waitingIn(one.queue), fields.virtualTime(one.queue)
  lower(fields.waiting, 1)
  lower(fields.bytes, one.bytes)
  lower(fields.waitingOf(one.caller), 1)
  if one.bytes > 0 then lower(fields.bytesOf(one.caller), counters[fields.waitingOf(one.caller)] == 0 and math.huge or one.bytes) end
  lower(inQueue, 1)
  -- No job waits: virtual time moves to the last finish tag, and callers can be forgotten.
  local reached = counters[inQueue] == 0 and counters[fields.lastFinish(one.queue)] or tonumber(one.start)
  counters[time] = math.max(counters[time], reached)
end

-- Piece by piece, as jobs are claimed: finish tags that are behind the virtual time go, counts that are zero, rates that are
-- reset, and workers that drain no longer. A job can bring five fields; six are looked at.
local function sweep(cursor, jobs, nowMs)
  local page, gone, times = redis.call("HSCAN", keys.counters, cursor, "COUNT", 6 * jobs), {}, {}
  local ofFlow, ofCaller = "^" .. fields.finishTag("([^:]+)", ""), fields.waitingOf("")
  local ofBytes, ofKept = fields.bytesOf(""), fields.keptOf("")
  local ofRate, ofClaim, ofDrainer = fields.rateReset(""), fields.repeated(""), fields.drainer("")
  for i = 1, #page[2], 2 do
    local name, text = page[2][i], page[2][i + 1]
    local value, kind = tonumber(text), name:match("^%a+:")
    local queue = name:match(ofFlow)
    if queue and not times[queue] then times[queue] = tonumber(redis.call("HGET", keys.counters, fields.virtualTime(queue)) or 0) end
    local drainsUntil = kind == ofDrainer and text:match("^%d+")
    local isOver = ((kind == ofCaller or kind == ofBytes) and value == 0)
      or (kind == ofKept and #readKept({ text }, nowMs)[1] == 0)
      or (kind == ofRate and value <= nowMs)
      or (kind == ofClaim and value <= nowMs - 3600000)
      or (drainsUntil and tonumber(drainsUntil) <= nowMs)
      or (queue and value <= times[queue])
    if isOver then gone[#gone + 1] = name end
  end
  if #gone > 0 then redis.call("HDEL", keys.counters, unpack(gone)) end
  redis.call("HSET", keys.counters, fields.sweepCursor, page[1])
end

local function writeCounters(counters, jobs, nowMs, token)
  local served, cursor, write = counters[fields.served], counters[fields.sweepCursor], {}
  local due = math.floor((served + jobs) / 16) - math.floor(served / 16)
  counters[fields.served] = served + jobs
  local limits = counters[fields.limits]
  counters[fields.paused], counters[fields.sweepCursor], counters[fields.repeated(token)], counters[fields.limits] = nil, nil, nil, nil
  for name, value in pairs(counters) do write[#write + 1], write[#write + 2] = name, exact(value) end
  redis.call("HSET", keys.counters, unpack(write))
  if served == 0 and not limits then redis.call("PEXPIRE", keys.counters, SHARED_TTL_MS) end
  if due > 0 then sweep(cursor, 16 * due, nowMs) end
end
