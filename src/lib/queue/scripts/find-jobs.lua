-- A page of the jobs that wait, are worked on or are dead, as far as they match. Looks at so many places at most, whatever it finds.
--
-- KEYS[1] prefix
-- ARGV[1] settings, JSON: places ("queue:<name>", "leases", "dead": those that are left), from and skip (where to go on in the first:
--         a score, and how many of that score were seen), look (how many places), limit (how many jobs); state, caller, model,
--         createdUntilMs, if they have to match; single, for tickets of their own that are open
--
-- Returns { jobs JSON[], the place to go on in, or "" after the last, from, skip }.
--- include "job-record"
--- include "model-limits"
--- include "values"
--- include "waiting"

-- A record is read for what its place does not tell.
local READ_COST = 10

local s = cjson.decode(ARGV[1])
local found, looked = {}, 0

local function isWanted(job)
  return (not s.state or job.state == s.state)
    and (not s.caller or job.caller == s.caller)
    and (not s.model or modelOf(job.queue) == s.model)
    and (not s.createdUntilMs or job.createdMs <= s.createdUntilMs)
    and not (s.single and (job.batch or job.left))
end

local function readWanted(text)
  local job = decode(text)
  return job and isWanted(job)
end

local function keyOf(place)
  local queue = place:match("^queue:(.+)$")
  return queue and keys.queue(queue) or (place == "dead" and keys.dead or keys.leases), queue
end

-- Returns where to go on in this place, or nothing at its end.
local function look(place, from, skip)
  local key, queue = keyOf(place)
  local tellsCaller = queue and s.caller
  while looked < s.look and #found < s.limit do
    local most = tellsCaller and s.look - looked or s.limit - #found
    local rows, ids = redis.call("ZRANGE", key, from, "(+inf", "BYSCORE", "LIMIT", skip, most, "WITHSCORES"), {}
    if #rows == 0 then return nil end
    for i = 1, #rows, 2 do
      if looked >= s.look or #ids == s.limit - #found then break end
      if rows[i + 1] == from then skip = skip + 1 else from, skip = rows[i + 1], 1 end
      looked = looked + 1
      local id, _, caller = readMember(rows[i])
      if not tellsCaller or caller == s.caller then
        ids[#ids + 1] = queue and id or rows[i]:match("^[^:]*")
        looked = looked + READ_COST
      end
    end
    for _, text in ipairs(readJobs(ids)) do
      local isReadable, isFound = pcall(readWanted, text)
      if isReadable and isFound then found[#found + 1] = text end
    end
  end
  return from, skip
end

local names = {}
for i, place in ipairs(s.places) do names[i] = fields.waitingIn(place:match("^queue:(.+)$") or "") end
local depths = redis.call("HMGET", keys.counters, unpack(names))
for i, place in ipairs(s.places) do
  local isEmpty = place:match("^queue:") and tonumber(depths[i] or 0) <= 0
  if not isEmpty then
    local from, skip = look(place, i == 1 and s.from or "-inf", i == 1 and s.skip or 0)
    if from then return { found, place, from, skip } end
  end
end
return { found, "", "", 0 }
