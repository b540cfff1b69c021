import { PRELUDE, WHEN_FULL } from "./prelude.ts"

/**
 * KEYS[1] prefix
 * ARGV[1] settings, JSON: nowMs, token, worker, queues, max, leaseMs, handEmpty, skip, ahead, again, reap, beat, resultTtlMs,
 *         deadTtlMs
 *
 * Takes up to `max` jobs of `queues`, tried in that order, under one lease token. A job whose earlier attempt ended without
 * an answer may have killed its process: it is handed out alone, to a worker whose hand is empty.
 *
 * Returns { jobs JSON[], status, end of the next lease in ms or "", queues that are empty now, jobs JSON[] of others that it
 * gave back or ended }; status is one of
 *   more    the queue had all that was asked for: ask again when there is room
 *   drain   a suspect waits at the head: finish what is in hand, then ask with handEmpty
 *   empty   nothing is left to claim
 *   paused  a person stopped the queue
 */
export const CLAIM = `${WHEN_FULL}${PRELUDE}
local s = cjson.decode(ARGV[1])

-- Queues that the caller knows to be empty; what comes back to one is seen all the same.
local skip = {}
for _, queue in ipairs(s.skip or {}) do skip[queue] = true end

-- Nobody had them in hand: the log of this caller is where their lines can come from.
local moved = {}

-- A lease of nobody that never ends: it keeps the key, and so its TTL, while no job is in work.
local KEEPER = "-"

local function loadAll(ids)
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = jobKey(id) end
  return #keys > 0 and redis.call("MGET", unpack(keys)) or {}
end

-- The reply of this very claim may have been lost: its token leads back to the jobs.
local function heldByToken()
  local ids, suffix = {}, ":" .. s.token
  for _, lease in ipairs(redis.call("ZRANGE", LEASES, 0, -1)) do
    if lease:sub(-#suffix) == suffix then ids[#ids + 1] = lease:sub(1, -#suffix - 1) end
  end
  local held = {}
  for _, text in ipairs(loadAll(ids)) do held[#held + 1] = text or nil end
  return held
end

-- Gives back what nobody renewed, a page at a time; returns when the next lease ends.
local function reap()
  local leases = redis.call("ZRANGE", LEASES, 0, 31, "WITHSCORES")
  for i = 1, #leases, 2 do
    if tonumber(leases[i + 1]) > s.nowMs then return leases[i] == KEEPER and "" or leases[i + 1] end
    redis.call("ZREM", LEASES, leases[i])
    local id, token = leases[i]:match("^(.-):(.+)$")
    local job = load(id)
    if job and job.leaseToken == token then
      giveBack(job, "the lease of " .. job.worker .. " ran out", s)
      moved[#moved + 1] = cjson.encode(job)
      if job.state == "queued" then
        skip[job.queue] = nil
        redis.call("PUBLISH", WAKE, "queued:" .. job.queue)
      end
    end
  end
  return #leases == 64 and tag(s.nowMs) or ""
end

-- An idle classifier asks all its queues at once, which is one command. Few of them are asked one by one.
local function allEmpty(queues)
  local keys = {}
  for i, queue in ipairs(queues) do keys[i] = queueKey(queue) end
  return #keys > 2 and redis.call("EXISTS", unpack(keys)) == 0
end

local function pop()
  local popped, wanted, dry, asked = {}, false, {}, {}
  for _, queue in ipairs(s.queues) do
    if not skip[queue] then asked[#asked + 1] = queue end
  end
  if allEmpty(asked) then return popped, wanted, asked end
  for _, queue in ipairs(asked) do
    local want = s.max - #popped
    local rows = want > 0 and redis.call("ZPOPMIN", queueKey(queue), want) or {}
    wanted = wanted or (want > 0 and #rows / 2 == want)
    if #rows / 2 < want then dry[#dry + 1] = queue end
    for i = 1, #rows, 2 do
      local id, bytes, caller = rows[i]:match("^(%S+) (%S+) (.+)$")
      popped[#popped + 1] =
        { id = id, bytes = tonumber(bytes), caller = caller, queue = queue, member = rows[i], start = rows[i + 1] }
    end
  end
  return popped, wanted, dry
end

local function unpop(popped, from)
  local rows = {}
  for i = from, #popped do
    local p = popped[i]
    rows[p.queue] = rows[p.queue] or {}
    table.insert(rows[p.queue], p.start)
    table.insert(rows[p.queue], p.member)
  end
  for queue, back in pairs(rows) do addToQueue(queue, back) end
end

local function readFlow(popped)
  local names, seen = { "paused", "n", "bytes", "served", "cursor", "leases" }, {}
  for _, p in ipairs(popped) do
    for _, name in ipairs({ "d:" .. p.caller, "n:" .. p.queue, "v:" .. p.queue, "last:" .. p.queue }) do
      if not seen[name] then names[#names + 1], seen[name] = name, true end
    end
  end
  local values, flow = redis.call("HMGET", FLOW, unpack(names)), {}
  for i, name in ipairs(names) do flow[name] = tonumber(values[i] or 0) end
  flow.cursor = values[5] or "0" -- Redis's own word, which need not be a number that Lua can hold
  return flow
end

local function leaveQueue(flow, p)
  local function lower(name, by) flow[name] = math.max(0, flow[name] - by) end
  lower("n", 1)
  lower("bytes", p.bytes)
  lower("d:" .. p.caller, 1)
  lower("n:" .. p.queue, 1)
  -- Nobody waits: the next round begins where all of this one ends, and its callers can be forgotten.
  local reached = flow["n:" .. p.queue] == 0 and flow["last:" .. p.queue] or tonumber(p.start)
  flow["v:" .. p.queue] = math.max(flow["v:" .. p.queue], reached)
end

-- Piece by piece, as jobs are claimed: flows whose finish tag is behind the virtual time go, depths that are zero, and
-- rates that are whole again. A job can bring three fields; four are looked at.
local function sweep(cursor, jobs)
  local page, gone, v = redis.call("HSCAN", FLOW, cursor, "COUNT", 4 * jobs), {}, {}
  for i = 1, #page[2], 2 do
    local name, value = page[2][i], tonumber(page[2][i + 1])
    local queue = name:match("^f:([^:]+):")
    if queue and not v[queue] then v[queue] = tonumber(redis.call("HGET", FLOW, "v:" .. queue) or 0) end
    local kind = name:sub(1, 2)
    local isOver = (kind == "d:" and value == 0) or (kind == "r:" and value <= s.nowMs)
    if isOver or (queue and value <= v[queue]) then gone[#gone + 1] = name end
  end
  if #gone > 0 then redis.call("HDEL", FLOW, unpack(gone)) end
  redis.call("HSET", FLOW, "cursor", page[1])
end

local function writeFlow(flow, jobs)
  local due = math.floor((flow.served + jobs) / 16) - math.floor(flow.served / 16)
  local isFirst, cursor, args = flow.served == 0, flow.cursor, {}
  flow.served = flow.served + jobs
  flow.paused, flow.cursor = nil, nil
  for name, value in pairs(flow) do args[#args + 1], args[#args + 2] = name, tag(value) end
  redis.call("HSET", FLOW, unpack(args))
  if isFirst then redis.call("PEXPIRE", FLOW, SHARED_TTL_MS) end
  if due > 0 then sweep(cursor, 16 * due) end
end

if s.beat and redis.call("HSET", REGISTRY, "worker:" .. s.worker, s.beat) == 1 then
  redis.call("PEXPIRE", REGISTRY, SHARED_TTL_MS)
end
if s.again then
  local held = heldByToken()
  if #held > 0 then return { held, "more", "", {}, {} } end
end
local nextLeaseEnd = s.reap and reap() or ""
local popped, wanted, dry = pop()
if #popped == 0 then return { {}, "empty", nextLeaseEnd, dry, moved } end

local flow = readFlow(popped)
if flow.paused > 0 then
  unpop(popped, 1)
  return { {}, "paused", nextLeaseEnd, {}, moved }
end

local ids = {}
for i, p in ipairs(popped) do ids[i] = p.id end
local texts, taken, leases = loadAll(ids), {}, {}
local status, served, lateQueue = wanted and "more" or "empty", 0, nil

for i, p in ipairs(popped) do
  local job = decode(texts[i])
  -- As isSuspect() in src/lib/queue/job.ts.
  local suspect = job and (job.alone or job.attempts > (job.payloadId and 0 or math.max(0, job.maxAttempts - 2)))
  if suspect and (#taken > 0 or not s.handEmpty) then
    unpop(popped, i)
    dry = {}
    status = #taken > 0 and "more" or "drain"
    break
  end
  leaveQueue(flow, p)
  served = served + 1
  local isLate = not job or (job.state == "queued" and not job.startedMs and s.nowMs > job.deadlineMs)
  if isLate then lateQueue = p.queue end
  if job and job.state == "queued" then
    if isLate then
      finish(job, { state = "failed", error = LATE }, s.nowMs, s.resultTtlMs)
      moved[#moved + 1] = cjson.encode(job)
    else
      job.state, job.attempts, job.leaseToken, job.worker = "processing", job.attempts + 1, s.token, s.worker
      job.startedMs = job.startedMs or s.nowMs
      job.ahead = math.max(0, (s.ahead or 0) + #taken)
      save(job)
      taken[#taken + 1] = cjson.encode(job)
      leases[#leases + 1], leases[#leases + 2] = s.nowMs + s.leaseMs, leaseOf(job)
    end
  end
  if suspect and i < #popped then
    unpop(popped, i + 1)
    dry = {}
    status = "more"
    break
  end
end

if #leases > 0 then
  local added = redis.call("ZADD", LEASES, "inf", KEEPER, unpack(leases))
  if added > #leases / 2 or math.abs(s.nowMs - flow.leases) > SHARED_TTL_MS / 10 then
    redis.call("PEXPIRE", LEASES, SHARED_TTL_MS)
    flow.leases = s.nowMs
  end
end
if served > 0 then writeFlow(flow, served) end
-- Behind one that is late there can be thousands: a page of them ends here, or each claim would find two more.
if wanted and lateQueue then
  local _, ended = endLate(lateQueue, 0, s.nowMs, s.resultTtlMs)
  for _, job in ipairs(ended) do moved[#moved + 1] = cjson.encode(job) end
end
return { taken, status, nextLeaseEnd, dry, moved }
`
