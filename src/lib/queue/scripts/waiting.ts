import { PRELUDE, WHEN_FULL } from "./prelude.ts"

/** What one call takes of a queue: Upstash runs one script at a time. */
const TAKEN = 32

/** Takes the first jobs out of a queue, and counts them out. */
const TAKE = `
local s = cjson.decode(ARGV[1])
local function take()
  local members, jobs = redis.call("ZRANGE", queueKey(s.queue), 0, ${TAKEN - 1}), {}
  for _, member in ipairs(members) do
    local id, bytes, caller = member:match("^(%S+) (%S+) (.+)$")
    redis.call("ZREM", queueKey(s.queue), member)
    countWaiting({ queue = s.queue, bytes = tonumber(bytes), caller = caller }, -1)
    local isReadable, job = pcall(load, id)
    if not isReadable then setAside(id, s.nowMs) end
    if isReadable and job and job.state == "queued" then jobs[#jobs + 1] = job end
  end
  return #members, jobs
end
`

/**
 * Fails the first jobs that wait in a queue: their tickets end, with what ending brings (webhooks, batches, bytes).
 *
 * KEYS[1] prefix   ARGV[1] settings, JSON: queue, nowMs, resultTtlMs, error as text
 * Returns { how many places were cleared, how many jobs were ended }; call again until it is { 0, 0 }.
 */
export const DROP_WAITING = `${WHEN_FULL}${PRELUDE}${TAKE}
local count, jobs = take()
for _, job in ipairs(jobs) do
  if not pcall(finish, job, { state = "failed", error = s.error }, s.nowMs, s.resultTtlMs) then setAside(job.id, s.nowMs) end
end
return { count, #jobs }
`

/**
 * Moves the first jobs that wait for one model to the end of their callers' lines for another. Whoever sends the same picture for the
 * first model again is not given the answer of the second.
 *
 * KEYS[1] prefix   ARGV[1] settings, JSON: queue, toQueue, toModel, nowMs
 * Returns { how many places were cleared, how many jobs were moved }; call again until it is { 0, 0 }.
 */
export const MOVE_WAITING = `${PRELUDE}${TAKE}
local count, jobs = take()
for _, job in ipairs(jobs) do
  local contentKey = job.contentKey and P .. ":content:" .. job.contentKey
  if contentKey and redis.call("GET", contentKey) == job.id then redis.call("DEL", contentKey) end
  job.contentKey, job.modelVersion = nil, nil
  job.model, job.queue = s.toModel, s.toQueue
  local v, f, last = "v:" .. job.queue, "f:" .. job.queue .. ":" .. flowOf(job), "last:" .. job.queue
  local flow = redis.call("HMGET", FLOW, v, f, last)
  local start = math.max(tonumber(flow[1] or 0), tonumber(flow[2] or 0))
  local finishes = start + tonumber(job.span or 1)
  redis.call("HSET", FLOW, f, tag(finishes), last, tag(math.max(finishes, tonumber(flow[3] or 0))))
  job.start = tag(start)
  putBack(job)
  save(job)
end
if #jobs > 0 then redis.call("PUBLISH", WAKE, "queued:" .. s.toQueue) end
return { count, #jobs }
`
