import { PRELUDE, WHEN_FULL } from "./prelude.ts"

/**
 * KEYS[1] prefix
 * ARGV[1] job id   ARGV[2] lease token   ARGV[3] outcome, JSON: state, and result or error as texts;
 *         version of the model that the result is of
 * ARGV[4] now, ms   ARGV[5] TTL of the result, ms   ARGV[6] the job as it was claimed, JSON, or ""
 *
 * Returns 1 when the outcome stands (or stood already, by the same token), 0 when the lease is lost.
 */
export const FINISH = `${WHEN_FULL}${PRELUDE}
local id, token, nowMs, ttlMs = ARGV[1], ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
local outcome = cjson.decode(ARGV[3])
local held = redis.call("ZREM", LEASES, id .. ":" .. token) == 1
local job

-- Who holds the lease knows the job, so one command stores its end and tells what was there: nothing new, as a rule.
if held and ARGV[6] ~= "" then
  job = cjson.decode(ARGV[6])
  job.finishedBy = token
  conclude(job, outcome, nowMs)
  local before = decode(redis.call("SET", jobKey(id), cjson.encode(job), "XX", "GET", "PX", lifeOf(job, ttlMs)))
  if before and not (before.followers or before.left) then
    dropPayload(job)
    announce(job)
    return 1
  end
  -- Others have joined it or left it meanwhile, and what they wrote must stay.
  job = before
else
  job = load(id)
end

if not held or not job then return job and job.finishedBy == token and 1 or 0 end
job.finishedBy = token
finish(job, outcome, nowMs, ttlMs)
return 1
`

/**
 * The attempt failed, the job may not have: back to the queue, or to the dead letters after its last attempt.
 *
 * KEYS[1] prefix
 * ARGV[1] job id   ARGV[2] lease token   ARGV[3] reason   ARGV[4] settings, JSON: nowMs, deadTtlMs, counts,
 * alone, timedOut, onceMore, aside, wakeChannel
 *
 * Without \`counts\` the attempt never happened (a classifier that leaves gives back what it had not begun). \`alone\` makes the job
 * a suspect; \`timedOut\` says what became of the attempt, so that it is none; \`onceMore\` leaves it one attempt more at most; \`aside\` buries it at once.
 * Returns 1 when the job was given back (or was already, by the same token), 0 when the lease is lost.
 */
export const RETRY = `${WHEN_FULL}${PRELUDE}
local id, token, s = ARGV[1], ARGV[2], cjson.decode(ARGV[4])
local held = redis.call("ZREM", LEASES, id .. ":" .. token) == 1
local job = load(id)
if not held or not job then return job and job.givenBackBy == token and 1 or 0 end
if s.aside then
  -- What its worker could not read may break here, too: its record ends in any case.
  if not pcall(bury, job, ARGV[3], s) then
    job.state, job.finishedMs, job.leaseToken = "failed", s.nowMs, nil
    job.error = cjson.encode({ code = "attempts_exhausted", message = ARGV[3] })
    redis.call("ZADD", DEAD, s.nowMs, id)
    redis.call("PEXPIRE", DEAD, s.deadTtlMs)
    redis.call("SET", jobKey(id), cjson.encode(job), "PX", s.deadTtlMs)
  end
  return 1
end
if not s.counts then
  job.attempts = job.attempts - 1
  if job.attempts == 0 then job.startedMs = nil end
end
if s.alone then job.alone = true end
if s.timedOut then job.timeouts = (job.timeouts or 0) + 1 end
if s.onceMore then job.maxAttempts = math.min(job.maxAttempts, job.attempts + 1) end
giveBack(job, ARGV[3], s)
-- Its worker may have looked, and sleep by now.
if job.state == "queued" then redis.call("PUBLISH", s.wakeChannel, "queued:" .. job.queue) end
return 1
`

/**
 * KEYS[1] prefix
 * ARGV[1] new end of the leases, ms   ARGV[2..] "id:token"
 *
 * Returns for each lease 1 when it is renewed, 0 when it is lost.
 */
export const RENEW = `${WHEN_FULL}${PRELUDE}
local held = redis.call("ZMSCORE", LEASES, unpack(ARGV, 2))
local renewed, rows = {}, {}
for i = 1, #ARGV - 1 do
  renewed[i] = held[i] and 1 or 0
  if held[i] then rows[#rows + 1], rows[#rows + 2] = ARGV[1], ARGV[i + 1] end
end
if #rows > 0 then redis.call("ZADD", LEASES, "XX", unpack(rows)) end
return renewed
`
