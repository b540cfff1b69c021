import { BATCH_PRELUDE } from "./batch-prelude.ts"

/**
 * Stands before a script that goes on when Redis is full: what ends jobs or hands them out frees more than it writes, and has to begin
 * with a write. A script without it is refused then before its first write that needs room, and has changed nothing.
 */
export const WHEN_FULL = "#!lua flags=allow-oom\n"

/** One command, ARGV[1..], also when Redis is full: for what is small and overwritten by the next. Returns its reply. */
export const RUN_WHEN_FULL = `${WHEN_FULL}return redis.call(unpack(ARGV))`

/**
 * What all scripts share: names of keys, the moves of a job between queue, leases and dead letters, and the outbox of
 * webhooks, since what ends a ticket posts its webhook.
 *
 * Instants are arguments, never read here: Upstash asks for deterministic scripts. A move writes the job last, so that a
 * script that is read from top to bottom shows what a crash between two scripts can leave behind (nothing).
 *
 * The hash `flow` holds, over all queues: n and bytes (waiting), d:<caller> (its waiting jobs), r:<caller> (when its rate
 * is whole again), served and cursor (of the sweep), paused, leases (when their TTL was set), t:<token> (when a claim was repeated); and per queue: drain:<queue> (until when which worker empties its hand), n:<queue>, fresh:<queue> (when the TTLs were set), v:<queue> (virtual time),
 * f:<queue>:<flow> (the flow's last finish tag), last:<queue> (the last of all finish tags) and new:<queue> (the start
 * tag of the latest flow that had nothing waiting). A flow is a caller's single jobs, or the rows of its batches.
 */
export const PRELUDE = `
local P = KEYS[1]
local FLOW, LEASES, DEAD, REGISTRY = P .. ":flow", P .. ":leases", P .. ":dead", P .. ":registry"
local OUTBOX, UNDELIVERED, WAKE = P .. ":outbox", P .. ":undelivered", P:gsub("[{}]", "") .. ":wake"

-- Longer than any job can wait, so that what jobs share outlives them; renewed while it is used.
local SHARED_TTL_MS = 10 * 86400000

-- Longer than the longest wait between two tries of a webhook; renewed by each of them.
local DELIVERY_TTL_MS = 8 * 86400000

local LATE = cjson.encode({ code = "deadline_exceeded", message = "No classifier was free before the deadline" })

local function jobKey(id) return P .. ":job:" .. id end
local function payloadKey(job) return P .. ":payload:" .. job.payloadId end
local function queueKey(queue) return P .. ":queue:" .. queue end
local function deliveryKey(jobId) return P .. ":delivery:" .. jobId end
local function lineKey(receiver) return P .. ":outbox:" .. receiver end
local function tag(number) return string.format("%.17g", number) end

-- What a script cannot handle goes aside alone, to the dead letters, and strands no neighbour.
local function setAside(id, nowMs)
  redis.call("ZADD", DEAD, nowMs, id)
  redis.call("PEXPIRE", DEAD, SHARED_TTL_MS, "NX")
end

local function decode(text) return text and cjson.decode(text) or nil end
local function load(id) return decode(redis.call("GET", jobKey(id))) end
local function working(job) return job and (job.state == "queued" or job.state == "processing") end

-- XX, or a job that expired meanwhile would come back without a TTL.
local function save(job) redis.call("SET", jobKey(job.id), cjson.encode(job), "XX", "KEEPTTL") end
-- A batch's results are read together: the first of them must last as long as the last. Tickets that share a job's work read
-- their answer in its record, so that it lasts as long as any of them.
local function lifeOf(job, ttlMs)
  ttlMs = math.max(ttlMs, job.sharedTtlMs or 0)
  if not job.batch then return ttlMs end
  return math.max(ttlMs, job.batch.keepUntilMs - (job.finishedMs or job.createdMs))
end
local function saveFor(job, ttlMs) redis.call("SET", jobKey(job.id), cjson.encode(job), "PX", lifeOf(job, ttlMs)) end

-- A job that is to be fetched has no bytes here.
local function keepPayload(job, ttlMs)
  return not job.payloadId or redis.call("PEXPIRE", payloadKey(job), ttlMs) == 1
end
local function dropPayload(job)
  if job.payloadId then redis.call("UNLINK", payloadKey(job)) end
end

-- A caller's rows must not stand before its own single pictures.
local function flowOf(job) return job.batch and job.caller .. "+batch" or job.caller end

local function member(job) return job.id .. " " .. job.bytes .. " " .. job.caller end
local function leaseOf(job) return job.id .. ":" .. job.leaseToken end

local function countWaiting(job, by)
  redis.call("HINCRBY", FLOW, "n", by)
  redis.call("HINCRBY", FLOW, "n:" .. job.queue, by)
  -- Nought less nought is "-0", which Redis takes for no integer.
  redis.call("HINCRBY", FLOW, "bytes", by * job.bytes + 0)
  redis.call("HINCRBY", FLOW, "d:" .. job.caller, by)
end

-- A queue that was empty is a new key: whoever puts jobs into it gives it its TTL. Rows are score, member, score, ...
local function addToQueue(queue, rows)
  redis.call("ZADD", queueKey(queue), unpack(rows))
  redis.call("PEXPIRE", queueKey(queue), SHARED_TTL_MS)
end

local function putBack(job)
  addToQueue(job.queue, { job.start, member(job) })
  countWaiting(job, 1)
end

-- The receiver is the origin of the URL; each has a line of its own, so that a slow one delays no other. Whatever the URL
-- is, the result must be stored.
local function receiverOf(url) return url:match("^%a+://[^/?#]+") or "unknown" end

local function putInOutbox(url, eventId, dueMs)
  local receiver = receiverOf(url)
  redis.call("ZADD", lineKey(receiver), dueMs, eventId)
  redis.call("PEXPIRE", lineKey(receiver), DELIVERY_TTL_MS)
  -- When to look at that line, at the latest: never later than its first entry, perhaps earlier.
  redis.call("ZADD", OUTBOX, "LT", dueMs, receiver)
  redis.call("PEXPIRE", OUTBOX, DELIVERY_TTL_MS)
end

-- \`about\` has id, caller and webhookUrl: of a job, or of a batch.
local function postEvent(about, event, nowMs)
  event.id = "msg_" .. about.id .. "_" .. tag(nowMs)
  event.createdMs, event.dueMs, event.state, event.tries = nowMs, nowMs, "pending", 0
  local record = { jobId = about.id, caller = about.caller, url = about.webhookUrl, events = { event } }
  local key = deliveryKey(about.id)
  local before = decode(redis.call("SET", key, cjson.encode(record), "GET", "PX", DELIVERY_TTL_MS))
  if before then
    -- A dead letter that was sent again ends a second time, which is an event of its own, even in the same millisecond.
    for i, known in ipairs(before.events) do
      if known.id == event.id then event.id = "msg_" .. about.id .. "_" .. tag(nowMs + i) end
      table.insert(record.events, i, known)
    end
    redis.call("SET", key, cjson.encode(record), "PX", DELIVERY_TTL_MS)
  end
  putInOutbox(about.webhookUrl, event.id, nowMs)
end

local function post(job, endedMs)
  local tell = job.tell
  job.tell = nil
  postEvent(job, { job = cjson.encode(job) }, endedMs)
  job.tell = tell
end

${BATCH_PRELUDE}

-- How a follower ended, with the work that it shared: what resolveJob() (src/lib/tickets/ticket.ts) says.
local function sharedEnd(follower, leader)
  local job = {}
  for name, value in pairs(leader) do job[name] = value end
  for _, name in ipairs({ "id", "input", "createdMs", "deadlineMs", "webhookUrl", "batch" }) do job[name] = follower[name] end
  job.leader, job.left, job.tell, job.deaths = leader.id, nil, nil, nil
  return job
end

-- The webhooks of all tickets that end with this job, in the very script that ends them: no webhook without its result,
-- and no result without its webhook.
local function announce(job)
  local posted = job.webhookUrl and not job.left
  if posted then post(job, job.finishedMs) end
  if job.tell then
    local keys = {}
    for i, id in ipairs(job.tell) do keys[i] = jobKey(id) end
    for _, text in ipairs(redis.call("MGET", unpack(keys))) do
      local follower = decode(text)
      if follower and follower.state == "queued" then
        post(sharedEnd(follower, job), job.finishedMs)
        posted = true
      end
    end
  end
  if posted then redis.call("PUBLISH", WAKE, "outbox") end
  if job.batch then countInBatch(job, job.finishedMs) end
end

local function conclude(job, outcome, nowMs)
  job.state, job.result, job.error = outcome.state, outcome.result, outcome.error
  job.finishedMs, job.leaseToken, job.resultVersion = nowMs, nil, outcome.version
end

local function finish(job, outcome, nowMs, ttlMs)
  conclude(job, outcome, nowMs)
  dropPayload(job)
  saveFor(job, ttlMs)
  announce(job)
end

local function readLate(text, nowMs)
  local job = decode(text)
  return job, job and job.state == "queued" and not job.startedMs and nowMs > job.deadlineMs
end

-- Fails what is past its deadline among a hundred members of a queue, those from the rank \`from\` on; what has no record any
-- more goes too. Returns how many of them stay, those that were ended, and how many there were.
local function endLate(queue, from, nowMs, ttlMs)
  local members, keys, gone, callers, bytes, late = redis.call("ZRANGE", queueKey(queue), from, from + 99), {}, {}, {}, 0, {}
  for i, found in ipairs(members) do keys[i] = jobKey(found:match("^%S+")) end
  for i, text in ipairs(#keys > 0 and redis.call("MGET", unpack(keys)) or {}) do
    local isReadable, job, isLate = pcall(readLate, text, nowMs)
    if not isReadable then
      setAside(members[i]:match("^%S+"), nowMs)
      job, isLate = nil, nil
    end
    if isLate or not job then
      local size, caller = members[i]:match("^%S+ (%S+) (.+)$")
      gone[#gone + 1] = members[i]
      callers[caller] = (callers[caller] or 0) + 1
      bytes = bytes + tonumber(size)
    end
    if isLate then late[#late + 1] = job end
  end
  if #gone > 0 then
    redis.call("ZREM", queueKey(queue), unpack(gone))
    redis.call("HINCRBY", FLOW, "n", -#gone)
    redis.call("HINCRBY", FLOW, "n:" .. queue, -#gone)
    redis.call("HINCRBY", FLOW, "bytes", -bytes + 0)
    for caller, count in pairs(callers) do redis.call("HINCRBY", FLOW, "d:" .. caller, -count) end
  end
  for _, job in ipairs(late) do
    local lifeMs = ttlMs or redis.call("PTTL", jobKey(job.id))
    if not pcall(finish, job, { state = "failed", error = LATE }, nowMs, lifeMs) then setAside(job.id, nowMs) end
  end
  return #members - #gone, late, #members
end

-- Ends what waits or is worked on, in whosever hand it is.
local function stopWork(job, outcome, ttlMs)
  if job.state == "queued" then
    if redis.call("ZREM", queueKey(job.queue), member(job)) == 1 then countWaiting(job, -1) end
  elseif job.state == "processing" then
    redis.call("ZREM", LEASES, leaseOf(job))
    redis.call("PUBLISH", WAKE, "canceled:" .. job.id)
  end
  finish(job, outcome, outcome.finishedMs, ttlMs)
end

local function bury(job, reason, s)
  local message = "Given up after " .. job.attempts .. " attempts: " .. reason
  job.state, job.finishedMs, job.leaseToken = "failed", s.nowMs, nil
  job.error = cjson.encode({ code = "attempts_exhausted", message = message })
  keepPayload(job, s.deadTtlMs)
  redis.call("ZADD", DEAD, s.nowMs, job.id)
  redis.call("ZREMRANGEBYSCORE", DEAD, "-inf", "(" .. tag(s.nowMs - s.deadTtlMs))
  redis.call("PEXPIRE", DEAD, s.deadTtlMs)
  saveFor(job, s.deadTtlMs)
  announce(job)
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
