--- include "waiting"

-- Takes up to `max` members from the head of a queue, without counting them out.
local function popFrom(queue, max)
  local rows, popped = max > 0 and redis.call("ZPOPMIN", keys.queue(queue), max) or {}, {}
  for i = 1, #rows, 2 do
    local id, bytes, caller = readMember(rows[i])
    popped[#popped + 1] =
      { id = id, bytes = tonumber(bytes), caller = caller, queue = queue, member = rows[i], start = rows[i + 1] }
  end
  return popped
end

-- Puts them back where they stood.
local function unpop(popped)
  local rows = {}
  for _, one in ipairs(popped) do
    rows[one.queue] = rows[one.queue] or {}
    table.insert(rows[one.queue], one.start)
    table.insert(rows[one.queue], one.member)
  end
  for queue, back in pairs(rows) do addToQueue(queue, back) end
end
