import { PRELUDE, WHEN_FULL } from "./prelude.ts"

/**
 * KEYS[1] prefix
 * ARGV[1] settings, JSON: nowMs, token, worker, queues, max, leaseMs, handEmpty, skip, ahead, again, reap, beat, resultTtlMs,
 *         deadTtlMs
 *
 * Takes up to `max` jobs of `queues`, tried in that order, under one lease token. A job whose earlier attempt ended without
 * an answer may have killed its process: it is handed out alone, to a worker whose hand is empty. One worker at a time is asked
 * to empty its hand for a queue's suspects; the others take what stands behind them.
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
    local isHandled = pcall(function()
      local job = load(id)
      if not job or job.leaseToken ~= token then return end
      giveBack(job, "the lease of " .. job.worker .. " ran out", s)
      moved[#moved + 1] = cjson.encode(job)
      if job.state == "queued" then
        skip[job.queue] = nil
        redis.call("PUBLISH", WAKE, "queued:" .. job.queue)
      end
    end)
    if not isHandled then setAside(id, s.nowMs) end
  end
  return #leases == 64 and tag(s.nowMs) or ""
end

-- An idle classifier asks all its queues at once, which is one command. Few of them are asked one by one.
local function allEmpty(queues)
  local keys = {}
  for i, queue in ipairs(queues) do keys[i] = queueKey(queue) end
  return #keys > 2 and redis.call("EXISTS", unpack(keys)) == 0
end

local function popFrom(queue, most)
  local rows, popped = most > 0 and redis.call("ZPOPMIN", queueKey(queue), most) or {}, {}
  for i = 1, #rows, 2 do
    local id, bytes, caller = rows[i]:match("^(%S+) (%S+) (.+)$")
    popped[#popped + 1] =
      { id = id, bytes = tonumber(bytes), caller = caller, queue = queue, member = rows[i], start = rows[i + 1] }
  end
  return popped
end

local function pop()
  local popped, wanted, dry, asked = {}, false, {}, {}
  for _, queue in ipairs(s.queues) do
    if not skip[queue] then asked[#asked + 1] = queue end
  end
  if allEmpty(asked) then return popped, wanted, asked, asked end
  for _, queue in ipairs(asked) do
    local want = s.max - #popped
    local rows = popFrom(queue, want)
    wanted = wanted or (want > 0 and #rows == want)
    if #rows < want then dry[#dry + 1] = queue end
    for _, p in ipairs(rows) do popped[#popped + 1] = p end
  end
  return popped, wanted, dry, asked
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
  local names, seen, raw = { "paused", "n", "bytes", "served", "cursor", "leases", "t:" .. s.token }, {}, {}
  for _, p in ipairs(popped) do
    local drain = "drain:" .. p.queue
    for _, name in ipairs({ "d:" .. p.caller, "n:" .. p.queue, "v:" .. p.queue, "last:" .. p.queue, drain }) do
      if not seen[name] then names[#names + 1], seen[name] = name, true end
    end
  end
  local values, flow = redis.call("HMGET", FLOW, unpack(names)), {}
  for i, name in ipairs(names) do
    local queue = name:match("^drain:(.+)$")
    if queue then raw[queue] = values[i] or nil else flow[name] = tonumber(values[i] or 0) end
  end
  flow.cursor = values[5] or "0" -- Redis's own word, which need not be a number that Lua can hold
  return flow, raw
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
    local kind, drainUntil = name:sub(1, 2), name:match("^drain:") and page[2][i + 1]:match("^%d+")
    local isOver = (kind == "d:" and value == 0)
      or (kind == "r:" and value <= s.nowMs)
      or (kind == "t:" and value <= s.nowMs - 3600000)
      or (drainUntil and tonumber(drainUntil) <= s.nowMs)
    if isOver or (queue and value <= v[queue]) then gone[#gone + 1] = name end
  end
  if #gone > 0 then redis.call("HDEL", FLOW, unpack(gone)) end
  redis.call("HSET", FLOW, "cursor", page[1])
end

local function writeFlow(flow, jobs)
  local due = math.floor((flow.served + jobs) / 16) - math.floor(flow.served / 16)
  local isFirst, cursor, args = flow.served == 0, flow.cursor, {}
  flow.served = flow.served + jobs
  flow.paused, flow.cursor, flow["t:" .. s.token] = nil, nil, nil
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
local popped, wanted, dry, asked = pop()
-- The first sending of this claim may still be on its way.
if s.again then
  redis.call("HSET", FLOW, "t:" .. s.token, tag(s.nowMs))
  if redis.call("HEXISTS", FLOW, "paused") == 0 then redis.call("PEXPIRE", FLOW, SHARED_TTL_MS) end
end
if #popped == 0 then return { {}, "empty", nextLeaseEnd, dry, moved } end

-- The reply to this claim's repeat is the one that is waited for: what came late would lease jobs to nobody.
local function isLateDuplicate(flow) return not s.again and flow["t:" .. s.token] ~= 0 end

local flow, drains = readFlow(popped)
if flow.paused > 0 or isLateDuplicate(flow) then
  unpop(popped, 1)
  return { {}, flow.paused > 0 and "paused" or "empty", nextLeaseEnd, {}, moved }
end

-- As isSuspect() in src/lib/queue/job.ts.
local function isSuspect(job)
  local tried = job.attempts - (job.timeouts or 0)
  return job.alone or tried > (job.payloadId and 0 or math.max(0, job.maxAttempts - 2))
end
local function read(text)
  local job = decode(text)
  return job, job and isSuspect(job)
end

-- One worker empties its hand for the suspects of a queue; the others go on with the jobs behind them, until it seems dead.
local function setDrainer(queue)
  redis.call("HSET", FLOW, "drain:" .. queue, string.format("%.0f %s", s.nowMs + s.leaseMs, s.worker))
end
local function anotherDrains(queue)
  local untilMs, worker = (drains[queue] or ""):match("^(%d+) (.+)$")
  local leftMs = tonumber(untilMs or 0) - s.nowMs
  return worker and worker ~= s.worker and leftMs > 0 and leftMs <= s.leaseMs
end

local taken, leases, back, lateQueue = {}, {}, {}, nil
local status, served, isOver = wanted and "more" or "empty", 0, false

local function stop(asStatus)
  status, dry, isOver = asStatus, {}, true
end

local function serve(p, job)
  local isLate = not job or (job.state == "queued" and not job.startedMs and s.nowMs > job.deadlineMs)
  if isLate then lateQueue = p.queue end
  if not job or job.state ~= "queued" then return end
  if isLate then
    finish(job, { state = "failed", error = LATE }, s.nowMs, s.resultTtlMs)
    moved[#moved + 1] = cjson.encode(job)
    return
  end
  job.state, job.attempts, job.leaseToken, job.worker = "processing", job.attempts + 1, s.token, s.worker
  job.startedMs = job.startedMs or s.nowMs
  job.ahead = math.max(0, (s.ahead or 0) + #taken)
  local lease, text = leaseOf(job), cjson.encode(job)
  save(job)
  taken[#taken + 1] = text
  leases[#leases + 1], leases[#leases + 2] = s.nowMs + s.leaseMs, lease
end

local function look(p, text)
  local isReadable, job, suspect = pcall(read, text)
  if suspect and (#taken > 0 or not s.handEmpty) then
    back[#back + 1] = p
    if anotherDrains(p.queue) then return end
    if #taken == 0 then setDrainer(p.queue) end
    return stop(#taken > 0 and "more" or "drain")
  end
  leaveQueue(flow, p)
  served = served + 1
  -- What cannot be handled must not strand those that left the queue with it.
  if not isReadable or not pcall(serve, p, job) then setAside(p.id, s.nowMs) end
  if suspect and #taken > 0 then
    setDrainer(p.queue)
    stop("more")
  end
end

local function lookAtAll(rows)
  local ids = {}
  for i, p in ipairs(rows) do ids[i] = p.id end
  for i, text in ipairs(loadAll(ids)) do
    if isOver or #taken == s.max then back[#back + 1] = rows[i] else look(rows[i], text) end
  end
end

lookAtAll(popped)
if served > 0 then
  writeFlow(flow, served)
  served = 0
end

-- Suspects that another worker drains for stood before the rest: a page behind them is looked at, and no more.
if #back > 0 and wanted and #taken < s.max and not isOver then
  local queue = back[1].queue
  local behind = popFrom(queue, 32)
  if #behind > 0 then
    flow, drains = readFlow(behind)
    lookAtAll(behind)
    if served > 0 then writeFlow(flow, served) end
  end
  if #taken == 0 and not isOver then
    dry[#dry + 1] = queue
    if #dry == #asked then status = "empty" end
  end
end
unpop(back, 1)

if #leases > 0 then
  local added = redis.call("ZADD", LEASES, "inf", KEEPER, unpack(leases))
  if added > #leases / 2 or math.abs(s.nowMs - flow.leases) > SHARED_TTL_MS / 10 then
    redis.call("PEXPIRE", LEASES, SHARED_TTL_MS)
    redis.call("HSET", FLOW, "leases", tag(s.nowMs))
  end
end
-- Behind one that is late there can be thousands: a page of them ends here, or each claim would find two more.
if wanted and lateQueue then
  local _, ended = endLate(lateQueue, 0, s.nowMs, s.resultTtlMs)
  for _, job in ipairs(ended) do moved[#moved + 1] = cjson.encode(job) end
end
return { taken, status, nextLeaseEnd, dry, moved }
`
