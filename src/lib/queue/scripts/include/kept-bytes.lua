-- Bytes that are kept beside waiting images: records of jobs with their results, webhook events, and images of dead letters.
-- Two fields of the counters hold them, one of all and one of a caller: JSON, [until when in s, bytes, ...]. They are counted
-- when the job is accepted, and forgotten when that time is over, which is rounded up by a sixteenth of it.
--- include "values"

-- What a job's record grows by until it is done, with its share of keys; results that are larger are counted by finish.
local EXPECTED_BYTES = 1500

local function untilOf(nowMs, ttlMs)
  local _, exponent = math.frexp(math.max(ttlMs, 1000) / 16000)
  local step = 2 ^ exponent
  return math.ceil((nowMs + ttlMs) / 1000 / step) * step
end

-- `texts`: the values of both fields. Returns the ledger of all and that of the caller.
local function readKept(texts, nowMs)
  local ledgers = {}
  for i = 1, 2 do
    local ledger, known = {}, decode(texts[i]) or {}
    local count, sum = 0, 0
    for at = 1, #known, 2 do
      if known[at] * 1000 > nowMs then
        ledger[count + 1], ledger[count + 2], count, sum = known[at], known[at + 1], count + 2, sum + known[at + 1]
      end
    end
    ledger.sum, ledgers[i] = sum, ledger
  end
  return ledgers
end

-- Why there is no room for so many more bytes, or nil.
local function keptFull(ledgers, bytes, limits)
  if ledgers[1].sum + bytes > limits.maxResultBytes then return "results_full" end
  if ledgers[2].sum + bytes > limits.callerShare * limits.maxResultBytes then return "caller_results_full" end
end

local function addTo(ledger, untilS, bytes)
  for at = 1, #ledger, 2 do
    if ledger[at] == untilS then
      ledger[at + 1] = math.max(0, ledger[at + 1] + bytes)
      return
    end
  end
  if bytes > 0 then ledger[#ledger + 1], ledger[#ledger + 2] = untilS, bytes end
end

-- Fields and values to write.
local function addKept(ledgers, caller, untilS, bytes)
  local texts = {}
  for i = 1, 2 do
    addTo(ledgers[i], untilS, bytes)
    ledgers[i].sum = nil
    texts[i] = #ledgers[i] > 0 and cjson.encode(ledgers[i]) or "[]"
  end
  return { fields.kept, texts[1], fields.keptOf(caller), texts[2] }
end

-- Counts what is kept whatever room there is; fewer than none are given back.
local function chargeKept(caller, nowMs, untilS, bytes)
  local texts = redis.call("HMGET", keys.counters, fields.kept, fields.keptOf(caller))
  redis.call("HSET", keys.counters, unpack(addKept(readKept(texts, nowMs), caller, untilS, bytes)))
end

-- No dead letter any longer: what was counted for it is given back.
local function returnKept(job)
  if job.keptUntil then chargeKept(job.caller, job.finishedMs, job.keptUntil, -job.keptBytes) end
  job.keptUntil, job.keptBytes = nil, nil
end
