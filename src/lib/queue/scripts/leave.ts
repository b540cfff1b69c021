import { PRELUDE, WHEN_FULL } from "./prelude.ts"

/**
 * A ticket leaves its work: canceled by its caller, or found waiting past its deadline.
 *
 * KEYS[1] prefix
 * ARGV[1] job id   ARGV[2] outcome, JSON: state, finishedMs, error as text
 * ARGV[3] TTL of the outcome, ms   ARGV[4] "queued" to leave alone what has started, else ""
 *
 * The work itself ends when no other ticket waits for it.
 * Returns { "left" | "finished" | "missing" | "started", job JSON }; leaving again in the same way is "left".
 */
export const LEAVE = `${WHEN_FULL}${PRELUDE}
local id, outcome, ttlMs = ARGV[1], cjson.decode(ARGV[2]), tonumber(ARGV[3])

-- What has left was told; room for another.
local function forgetToTell(leader, followerId)
  for i, told in ipairs(leader.tell or {}) do
    if told == followerId then table.remove(leader.tell, i) end
  end
  -- An empty list would come back as an object.
  if leader.tell and #leader.tell == 0 then leader.tell = nil end
end

local job = load(id)
if not job then return { "missing", "" } end
if job.left then return { job.left.state == outcome.state and "left" or "finished", cjson.encode(job) } end
if not working(job) then return { job.state == outcome.state and "left" or "finished", cjson.encode(job) } end

local leader = job.leader and load(job.leader) or nil
if job.leader then
  local died = leader and leader.deaths and leader.deaths[(job.round or 0) + 1]
  if died or (leader and not working(leader)) then return { "finished", cjson.encode(job) } end
  if leader and leader.startedMs and ARGV[4] == "queued" then return { "started", cjson.encode(job) } end
  job.state, job.error, job.finishedMs = outcome.state, outcome.error, outcome.finishedMs
  saveFor(job, ttlMs)
  announce(job)
  if leader then
    leader.followers = leader.followers - 1
    forgetToTell(leader, id)
    if leader.left and leader.followers == 0 then
      outcome = leader.left
      stopWork(leader, outcome, ttlMs)
    else
      save(leader)
    end
  end
  return { "left", cjson.encode(job) }
end

if job.startedMs and ARGV[4] == "queued" then return { "started", cjson.encode(job) } end
if (job.followers or 0) > 0 then
  -- What the work does from now on is no matter of this ticket.
  outcome.attempts, outcome.startedMs = job.attempts, job.startedMs
  job.left = outcome
  save(job)
  if job.webhookUrl then
    post(job, outcome.finishedMs)
    redis.call("PUBLISH", WAKE, "outbox")
  end
else
  stopWork(job, outcome, ttlMs)
end
return { "left", cjson.encode(job) }
`
