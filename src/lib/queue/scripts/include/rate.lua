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

-- What makes no work of its own counts as one unit, and reads and writes no other counters.
local function affordsOne(meter, caller)
  if not meter.rate then return true end
  local values = redis.call("HMGET", keys.counters, fields.rateReset(caller), fields.paused)
  meter.isPaused = values[2]
  return affords(meter, values[1], meter.rate.stepMs)
end
local function chargeOne(meter, caller)
  if not meter.charged then return end
  meter.reset = exact(meter.charged)
  local isNewField = redis.call("HSET", keys.counters, fields.rateReset(caller), meter.reset) == 1
  -- The counters of a paused queue have no TTL.
  if isNewField and not meter.isPaused then redis.call("PEXPIRE", keys.counters, SHARED_TTL_MS) end
end
