-- Charges a caller one unit for a submit that enqueues nothing itself. A repeat is charged again.
--
-- KEYS[1] prefix   ARGV[1] caller   ARGV[2] settings, JSON: nowMs, rate (windowMs, stepMs, chargeMs, maxSkewMs)
--
-- Returns { "charged" | "rate_limited", when the caller's rate is reset, ms }.
--- include "rate"

local meter = newMeter(cjson.decode(ARGV[2]))
if not affordsOne(meter, ARGV[1]) then return { "rate_limited", meter.reset } end
chargeOne(meter, ARGV[1])
return { "charged", meter.reset }
