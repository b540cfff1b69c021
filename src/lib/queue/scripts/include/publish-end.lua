--- include "batch-progress"
--- include "job-record"
--- include "model-limits"
--- include "outbox"
--- include "values"

-- `tell` is stored for the leader alone: the followers that get a webhook.
local function postTicket(job, endedMs)
  local tell = job.tell
  job.tell = nil
  postEvent(job, { job = cjson.encode(job) }, endedMs)
  job.tell = tell
end

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
local function publishEnd(job)
  local isPosted = job.webhookUrl and not job.left
  if isPosted then postTicket(job, job.finishedMs) end
  for _, text in ipairs(readJobs(job.tell or {})) do
    local follower = decode(text)
    if follower and follower.state == "queued" then
      postTicket(sharedEnd(follower, job), job.finishedMs)
      isPosted = true
    end
  end
  if isPosted then redis.call("PUBLISH", keys.wakeChannel, "outbox") end
  if job.limited then wakeLimited(job) end
  if job.batch then countInBatch(job, job.finishedMs) end
end
