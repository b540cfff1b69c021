#!lua flags=allow-oom
-- A ticket withdraws from its work: canceled by its caller, or found waiting past its deadline. The work itself ends when no
-- other ticket waits for it.
--
-- KEYS[1] prefix
-- ARGV[1] job id   ARGV[2] outcome, JSON: state, finishedMs, error as text
-- ARGV[3] TTL of the outcome, ms   ARGV[4] "queued" to let alone what has started, else ""
--
-- Returns { "withdrawn" | "finished" | "missing" | "started", job JSON }; once more in the same way is "withdrawn".
--- include "end-job"
--- include "job-record"
--- include "publish-end"

local id, outcome, ttlMs = ARGV[1], cjson.decode(ARGV[2]), tonumber(ARGV[3])

-- A follower that has withdrawn has had its webhook: there is room for another.
local function removeFromWebhooks(leader, followerId)
  for i, known in ipairs(leader.tell or {}) do
    if known == followerId then table.remove(leader.tell, i) end
  end
  -- An empty list would come back as an object.
  if leader.tell and #leader.tell == 0 then leader.tell = nil end
end

local job = loadJob(id)
if not job then return { "missing", "" } end
if job.left then return { job.left.state == outcome.state and "withdrawn" or "finished", cjson.encode(job) } end
if not isOpen(job) then return { job.state == outcome.state and "withdrawn" or "finished", cjson.encode(job) } end

local leader = job.leader and loadJob(job.leader) or nil
if job.leader then
  local died = leader and leader.deaths and leader.deaths[(job.round or 0) + 1]
  if died or (leader and not isOpen(leader)) then return { "finished", cjson.encode(job) } end
  if leader and leader.startedMs and ARGV[4] == "queued" then return { "started", cjson.encode(job) } end
  job.state, job.error, job.finishedMs = outcome.state, outcome.error, outcome.finishedMs
  saveJobFor(job, ttlMs)
  publishEnd(job)
  if leader then
    leader.followers = leader.followers - 1
    removeFromWebhooks(leader, id)
    if leader.left and leader.followers == 0 then
      stopJob(leader, leader.left, ttlMs)
    else
      saveJob(leader)
    end
  end
  return { "withdrawn", cjson.encode(job) }
end

if job.startedMs and ARGV[4] == "queued" then return { "started", cjson.encode(job) } end
if (job.followers or 0) > 0 then
  -- What the work does from now on is no matter of this ticket.
  outcome.attempts, outcome.startedMs, outcome.history = job.attempts, job.startedMs, job.history
  job.left = outcome
  saveJob(job)
  if job.webhookUrl then
    postTicket(job, outcome.finishedMs)
    redis.call("PUBLISH", keys.wakeChannel, "outbox")
  end
else
  stopJob(job, outcome, ttlMs)
end
return { "withdrawn", cjson.encode(job) }
