import { PRELUDE } from "./prelude.ts"

/**
 * The generic cell rate algorithm (src/lib/callers/rate-limit.ts), for a script whose settings `s` have nowMs and, if the caller may
 * submit only so often, rate: windowMs, stepMs (of one unit of work), chargeMs (of this job's units), maxSkewMs.
 *
 * `affords(value, ms)` takes the caller's field of the flow, and leaves what becomes of it in `charge`; `wholeAgain` is what the
 * reply tells of it.
 */
export const RATE = `
local charge, wholeAgain, flowIsPaused = nil, "", false
local function rateField(caller) return "r:" .. caller end

local function affords(value, ms)
  local from = math.max(s.nowMs, tonumber(value or 0))
  -- An edge whose clock once ran fast shuts nobody out.
  if from > s.nowMs + s.rate.windowMs + s.rate.maxSkewMs then from = s.nowMs end
  wholeAgain, charge = tag(from), from + ms
  return charge <= s.nowMs + s.rate.windowMs
end

-- What makes no work of its own counts as one unit, and reads and writes no other field of the flow. A paused flow has no TTL, and is to have none.
local function affordsAlone(caller)
  if not s.rate then return true end
  local fields = redis.call("HMGET", FLOW, rateField(caller), "paused")
  flowIsPaused = fields[2]
  return affords(fields[1], s.rate.stepMs)
end
local function chargeAlone(caller)
  if not charge then return end
  wholeAgain = tag(charge)
  local isNewField = redis.call("HSET", FLOW, rateField(caller), wholeAgain) == 1
  if isNewField and not flowIsPaused then redis.call("PEXPIRE", FLOW, SHARED_TTL_MS) end
end
`

/**
 * Charges a caller one unit for a submit that enqueues nothing by itself.
 *
 * KEYS[1] prefix   ARGV[1] caller   ARGV[2] settings, JSON, as above
 *
 * Returns { "charged" or "rate_limited", when the caller's rate is whole again in ms }. Sent twice it charges twice.
 */
export const CHARGE = `${PRELUDE}
local s = cjson.decode(ARGV[2])
${RATE}
if not affordsAlone(ARGV[1]) then return { "rate_limited", wholeAgain } end
chargeAlone(ARGV[1])
return { "charged", wholeAgain }
`
