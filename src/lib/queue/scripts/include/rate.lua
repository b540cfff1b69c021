-- The generic cell rate algorithm (src/lib/callers/rate-limit.ts). A meter has nowMs, `reset`: when the caller's rate is reset,
-- as text, and, if the caller may submit only so often, `rate`: windowMs, stepMs (of one unit of work), chargeMs (of this
-- job's units), maxSkewMs.
--- include "lifetimes"
--- include "values"

local function newMeter(settings) return { nowMs = settings.nowMs, rate = settings.rate, reset = "" } end

-- Whether the caller, whose field of the counters has this value, has so much left.
local function affords(meter, value, ms)
  local from = math.max(meter.nowMs, tonumber(value or 0))
  -- An edge whose clock once ran fast shuts no caller out.
  if from > meter.nowMs + meter.rate.windowMs + meter.rate.maxSkewMs then from = meter.nowMs end
  meter.reset, meter.charged = exact(from), from + ms
  return meter.charged <= meter.nowMs + meter.rate.windowMs
end

-- What makes no work of its own counts as one unit. Further counters are read and written with it: `names`, and `write`.
local function affordsOne(meter, caller, names)
  local values = redis.call("HMGET", keys.counters, fields.rateReset(caller), fields.paused, fields.limits, unpack(names or {}))
  meter.isKept = values[2] or values[3]
  return not meter.rate or affords(meter, values[1], meter.rate.stepMs), { unpack(values, 4) }
end
local function chargeOne(meter, caller, write)
  write = write or {}
  if meter.charged then
    meter.reset = exact(meter.charged)
    write[#write + 1], write[#write + 2] = fields.rateReset(caller), meter.reset
  end
  local added = #write > 0 and redis.call("HSET", keys.counters, unpack(write)) or 0
  -- The counters have no TTL while they hold what a person has set.
  if added > 0 and not meter.isKept then redis.call("PEXPIRE", keys.counters, SHARED_TTL_MS) end
end
