import { PRELUDE, WHEN_FULL } from "./prelude.ts"

/**
 * What the scripts of the outbox share. An entry of a line is an event's id while it waits, and "id:token" while a deliverer
 * has it: removing that member is the fence, as with the leases of jobs.
 */
const OUTBOX_PRELUDE = `${PRELUDE}
local MAX_ATTEMPTS_KEPT = 50

local function jobIdOf(eventId) return eventId:match("^msg_(.+)_%d+$") or "" end
local function loadRecord(jobId) return decode(redis.call("GET", deliveryKey(jobId))) end

local function eventOf(record, eventId)
  for _, event in ipairs(record and record.events or {}) do
    if event.id == eventId then return event end
  end
end

-- What has arrived is kept as long as a result; what has not, as long as somebody may want to send it again.
local function saveRecord(record, deliveredTtlMs)
  local ttlMs = deliveredTtlMs
  for _, event in ipairs(record.events) do
    if event.state ~= "delivered" then ttlMs = math.max(ttlMs, DELIVERY_TTL_MS) end
  end
  redis.call("SET", deliveryKey(record.jobId), cjson.encode(record), "PX", ttlMs)
end
`

/**
 * Takes what is due, up to \`max\` entries, under one lease token; of each receiver as many as it has room for.
 *
 * KEYS[1] prefix
 * ARGV[1] settings, JSON: nowMs, token, leaseMs, max, perReceiver, rooms (receiver to its room, where that is not
 *         perReceiver)
 *
 * Returns { { event id, receiver, record JSON }[], when something is due next for receivers that have room, ms or "" };
 * that is now when more is due than was taken. An entry whose event is over or gone is dropped.
 */
export const TAKE = `${WHEN_FULL}${OUTBOX_PRELUDE}
local s = cjson.decode(ARGV[1])
local taken, scores, empty, nextMs = {}, {}, {}, nil
local function sooner(ms) nextMs = math.min(nextMs or ms, ms) end

-- Leases up to \`want\` due entries of a line. Returns how many, and what the first of the rest is due at.
local function takeFrom(receiver, want)
  local rows = redis.call("ZRANGE", lineKey(receiver), 0, want, "WITHSCORES")
  local add, remove, rest = {}, {}, nil
  for i = 1, #rows, 2 do
    local dueMs = tonumber(rows[i + 1])
    if dueMs > s.nowMs or #remove == want then
      rest = dueMs
      break
    end
    local id = rows[i]:match("^[^:]+")
    remove[#remove + 1] = rows[i]
    add[#add + 1], add[#add + 2] = s.nowMs + s.leaseMs, id .. ":" .. s.token
    taken[#taken + 1] = { id, receiver }
  end
  if #remove > 0 then
    -- In this order: a line that were empty in between would lose its TTL.
    redis.call("ZADD", lineKey(receiver), unpack(add))
    redis.call("ZREM", lineKey(receiver), unpack(remove))
  end
  return #remove, rest
end

local blocked = 0
for _, room in pairs(s.rooms) do
  if room <= 0 then blocked = blocked + 1 end
end
local rows = redis.call("ZRANGE", OUTBOX, 0, blocked + s.max, "WITHSCORES")
local isWholePage = #rows == 2 * (blocked + s.max + 1)
for i = 1, #rows, 2 do
  local receiver, dueMs = rows[i], tonumber(rows[i + 1])
  local room = s.rooms[receiver] or s.perReceiver
  if room > 0 then
    if dueMs > s.nowMs or #taken == s.max then
      sooner(dueMs)
      isWholePage = false
      break
    end
    local count, rest = takeFrom(receiver, math.min(room, s.max - #taken))
    local first = count > 0 and math.min(rest or math.huge, s.nowMs + s.leaseMs) or rest
    if first then
      scores[#scores + 1], scores[#scores + 2] = first, receiver
      -- A receiver that has no room now is looked at when it has.
      if count < room or first > s.nowMs then sooner(first) end
    else
      empty[#empty + 1] = receiver
    end
  end
end
if isWholePage then sooner(s.nowMs) end
if #scores > 0 then redis.call("ZADD", OUTBOX, unpack(scores)) end
if #empty > 0 then redis.call("ZREM", OUTBOX, unpack(empty)) end
if #taken == 0 then return { {}, nextMs and tag(nextMs) or "" } end

local keys, live = {}, {}
for i, entry in ipairs(taken) do keys[i] = deliveryKey(jobIdOf(entry[1])) end
for i, text in ipairs(redis.call("MGET", unpack(keys))) do
  local entry = taken[i]
  local event = eventOf(decode(text), entry[1])
  if event and event.state == "pending" then
    entry[3] = text
    live[#live + 1] = entry
  else
    redis.call("ZREM", lineKey(entry[2]), entry[1] .. ":" .. s.token)
  end
end
return { live, nextMs and tag(nextMs) or "" }
`

/**
 * Writes down one attempt and what follows from it.
 *
 * KEYS[1] prefix
 * ARGV[1] event id   ARGV[2] receiver   ARGV[3] lease token
 * ARGV[4] settings, JSON: nowMs, outcome ("delivered" | "gone" | "given_up" | "retry"), dueMs of a retry, attempt,
 *         deliveredTtlMs
 *
 * Returns 1 when it stands (or stood already, by the same token), 0 when the lease is lost; then the attempt is written
 * down all the same, since it was made, and a receipt counts.
 */
export const RECORD = `${WHEN_FULL}${OUTBOX_PRELUDE}
local id, receiver, token, s = ARGV[1], ARGV[2], ARGV[3], cjson.decode(ARGV[4])
local held = redis.call("ZREM", lineKey(receiver), id .. ":" .. token)
local record = loadRecord(jobIdOf(id))
local event = eventOf(record, id)
if not event then return 0 end

event.attempts = event.attempts or {}
for _, attempt in ipairs(event.attempts) do
  if attempt.token == token then return 1 end
end
s.attempt.token = token
table.insert(event.attempts, s.attempt)
if #event.attempts > MAX_ATTEMPTS_KEPT then table.remove(event.attempts, 1) end

local goesOn = false
if s.outcome == "delivered" then
  if event.state ~= "pending" then redis.call("ZREM", UNDELIVERED, id) end
  event.state, event.dueMs = "delivered", nil
elseif held == 1 and event.state == "pending" then
  event.tries = event.tries + 1
  if s.outcome == "retry" then
    event.dueMs, goesOn = s.dueMs, true
  else
    event.state, event.dueMs = s.outcome, nil
    redis.call("ZADD", UNDELIVERED, s.nowMs, id)
    redis.call("ZREMRANGEBYSCORE", UNDELIVERED, "-inf", "(" .. tag(s.nowMs - DELIVERY_TTL_MS))
    redis.call("PEXPIRE", UNDELIVERED, DELIVERY_TTL_MS)
  end
end
saveRecord(record, s.deliveredTtlMs)
if goesOn then putInOutbox(record.url, id, s.dueMs) end
return held
`

/**
 * Gives an entry back unsent: whoever looks next takes it.
 *
 * KEYS[1] prefix   ARGV[1] event id   ARGV[2] URL   ARGV[3] lease token   ARGV[4] now, ms
 * Returns 1 when it was held, else 0.
 */
export const RELEASE = `${WHEN_FULL}${OUTBOX_PRELUDE}
if redis.call("ZREM", lineKey(receiverOf(ARGV[2])), ARGV[1] .. ":" .. ARGV[3]) == 0 then return 0 end
putInOutbox(ARGV[2], ARGV[1], tonumber(ARGV[4]))
redis.call("PUBLISH", WAKE, "outbox")
return 1
`

/**
 * Takes an event off: of what is over its name on the list, of what waits for another try that try. What a deliverer has in
 * hand just now is left to it.
 *
 * KEYS[1] prefix   ARGV[1] event id
 * Returns 1 when it was there, else 0.
 */
export const DROP = `${WHEN_FULL}${OUTBOX_PRELUDE}
if redis.call("ZREM", UNDELIVERED, ARGV[1]) == 1 then return 1 end
local record = loadRecord(jobIdOf(ARGV[1]))
local event = eventOf(record, ARGV[1])
if not event or event.state ~= "pending" or event.tries == 0 then return 0 end
if redis.call("ZREM", lineKey(receiverOf(record.url)), event.id) == 0 then return 0 end
event.state, event.dueMs = "given_up", nil
saveRecord(record, DELIVERY_TTL_MS)
return 1
`

/**
 * Sends an event again: what waits for its next try at once, what is over with a fresh schedule.
 *
 * KEYS[1] prefix   ARGV[1] job id   ARGV[2] event id, or "" for the latest   ARGV[3] now, ms
 * ARGV[4] how long its last attempt, or the last time that it was sent again, must be over, ms
 * Returns the record's JSON, "" when there is no such event, or the ms to wait when it is too soon. What a deliverer has in
 * hand just now is left to it.
 */
export const RESEND = `${OUTBOX_PRELUDE}
local record, nowMs = loadRecord(ARGV[1]), tonumber(ARGV[3])
if not record then return "" end
local event = ARGV[2] == "" and record.events[#record.events] or eventOf(record, ARGV[2])
if not event then return "" end
local pauseMs, last = tonumber(ARGV[4]), event.attempts and event.attempts[#event.attempts]
local sinceMs = nowMs - math.max(event.resentMs or 0, last and last.atMs + last.durationMs or 0)
-- What lies further ahead was written by a clock that ran fast, and must not refuse for longer than a pause.
if math.abs(sinceMs) < pauseMs then return math.ceil(math.min(pauseMs, pauseMs - sinceMs)) end
event.resentMs = nowMs
local receiver = receiverOf(record.url)
if event.state == "pending" then
  if redis.call("ZADD", lineKey(receiver), "XX", "CH", nowMs, event.id) == 1 then
    redis.call("ZADD", OUTBOX, "LT", nowMs, receiver)
    event.dueMs = nowMs
  end
else
  redis.call("ZREM", UNDELIVERED, event.id)
  event.state, event.tries, event.dueMs = "pending", 0, nowMs
  putInOutbox(record.url, event.id, nowMs)
end
saveRecord(record, DELIVERY_TTL_MS)
redis.call("PUBLISH", WAKE, "outbox")
return cjson.encode(record)
`
