/**
 * What all scripts share: names of keys, and the moves of a job between queue, leases and dead letters.
 *
 * Instants are arguments, never read here: Upstash asks for deterministic scripts. A move writes the job last, so that a
 * script that is read from top to bottom shows what a crash between two scripts can leave behind (nothing).
 *
 * The hash `flow` holds, over all models: n and bytes (waiting), d:<caller> (its waiting jobs), served and cursor (of the
 * sweep), paused; and per model: n:<model>, fresh:<model> (when the TTLs were set), v:<model> (virtual time),
 * f:<model>:<caller> (the caller's last finish tag), last:<model> (the last of all finish tags) and new:<model> (the start
 * tag of the latest caller that had nothing waiting).
 */
export const PRELUDE = `
local P = KEYS[1]
local FLOW, LEASES, DEAD, REGISTRY = P .. ":flow", P .. ":leases", P .. ":dead", P .. ":registry"

-- Longer than any job can wait, so that what jobs share outlives them; renewed while it is used.
local SHARED_TTL_MS = 10 * 86400000

local function jobKey(id) return P .. ":job:" .. id end
local function payloadKey(job) return P .. ":payload:" .. job.payloadId end
local function queueKey(model) return P .. ":queue:" .. model end
local function tag(number) return string.format("%.17g", number) end

local function decode(text) return text and cjson.decode(text) or nil end
local function load(id) return decode(redis.call("GET", jobKey(id))) end

-- XX, or a job that expired meanwhile would come back without a TTL.
local function save(job) redis.call("SET", jobKey(job.id), cjson.encode(job), "XX", "KEEPTTL") end
-- Its followers read their answer here, so one that is followed keeps the longer life that it was given with them.
local function saveFor(job, ttlMs)
  if (job.followers or 0) == 0 then
    redis.call("SET", jobKey(job.id), cjson.encode(job), "PX", ttlMs)
  else
    redis.call("SET", jobKey(job.id), cjson.encode(job), "KEEPTTL")
    redis.call("PEXPIRE", jobKey(job.id), ttlMs, "GT")
  end
end

local function member(job) return job.id .. " " .. job.bytes .. " " .. job.caller end
local function leaseOf(job) return job.id .. ":" .. job.leaseToken end

local function countWaiting(job, by)
  redis.call("HINCRBY", FLOW, "n", by)
  redis.call("HINCRBY", FLOW, "n:" .. job.model, by)
  redis.call("HINCRBY", FLOW, "bytes", by * job.bytes)
  redis.call("HINCRBY", FLOW, "d:" .. job.caller, by)
end

-- A queue that was empty is a new key: whoever puts jobs into it gives it its TTL. Rows are score, member, score, ...
local function addToQueue(model, rows)
  redis.call("ZADD", queueKey(model), unpack(rows))
  redis.call("PEXPIRE", queueKey(model), SHARED_TTL_MS)
end

local function putBack(job)
  addToQueue(job.model, { job.start, member(job) })
  countWaiting(job, 1)
end

local function finish(job, outcome, nowMs, ttlMs)
  job.state, job.result, job.error = outcome.state, outcome.result, outcome.error
  job.finishedMs, job.leaseToken = nowMs, nil
  redis.call("UNLINK", payloadKey(job))
  saveFor(job, ttlMs)
end

local function bury(job, reason, s)
  local message = "Given up after " .. job.attempts .. " attempts: " .. reason
  job.state, job.finishedMs, job.leaseToken = "failed", s.nowMs, nil
  job.error = cjson.encode({ code = "attempts_exhausted", message = message })
  redis.call("PEXPIRE", payloadKey(job), s.deadTtlMs)
  redis.call("ZADD", DEAD, s.nowMs, job.id)
  redis.call("ZREMRANGEBYSCORE", DEAD, "-inf", "(" .. tag(s.nowMs - s.deadTtlMs))
  redis.call("PEXPIRE", DEAD, s.deadTtlMs)
  saveFor(job, s.deadTtlMs)
end

-- The attempt is over without an answer: back to its old place, or to the dead letters.
local function giveBack(job, reason, s)
  job.givenBackBy = job.leaseToken
  if job.attempts >= job.maxAttempts then return bury(job, reason, s) end
  job.state, job.leaseToken = "queued", nil
  putBack(job)
  save(job)
end
`
