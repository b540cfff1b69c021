--- include "lifetimes"
--- include "values"

-- The receiver is the origin of the URL; each has a line of its own, so that a slow one delays no other. The result must be
-- stored whatever the URL is.
local function receiverOf(url) return url:match("^%a+://[^/?#]+") or "unknown" end

-- What is sent again on request waits in a second line of its receiver, which has a capacity of its own.
local function resendsOf(receiver) return receiver .. "#resend" end

-- `line` is a receiver, or resendsOf() one.
local function putInOutbox(line, eventId, dueMs)
  redis.call("ZADD", keys.line(line), dueMs, eventId)
  redis.call("PEXPIRE", keys.line(line), DELIVERY_TTL_MS)
  -- When to look at that line, at the latest: never later than its first entry, perhaps earlier.
  redis.call("ZADD", keys.outbox, "LT", dueMs, line)
  redis.call("PEXPIRE", keys.outbox, DELIVERY_TTL_MS)
end

-- `subject` has id, caller and webhookUrl: a job, or a batch.
local function postEvent(subject, event, nowMs)
  event.id = "msg_" .. subject.id .. "_" .. exact(nowMs)
  event.createdMs, event.dueMs, event.state, event.tries = nowMs, nowMs, "pending", 0
  local record = { jobId = subject.id, caller = subject.caller, url = subject.webhookUrl, events = { event } }
  local key = keys.delivery(subject.id)
  local before = decode(redis.call("SET", key, cjson.encode(record), "GET", "PX", DELIVERY_TTL_MS))
  if before then
    -- A dead letter that was sent again ends a second time, which is an event of its own, even in the same millisecond.
    for i, known in ipairs(before.events) do
      if known.id == event.id then event.id = "msg_" .. subject.id .. "_" .. exact(nowMs + i) end
      table.insert(record.events, i, known)
    end
    redis.call("SET", key, cjson.encode(record), "PX", DELIVERY_TTL_MS)
  end
  putInOutbox(receiverOf(subject.webhookUrl), event.id, nowMs)
end
