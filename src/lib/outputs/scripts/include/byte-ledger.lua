-- Bytes that lie in Redis, counted by the hour in which they expire, in a hash for all and one for their caller: what is not
-- given back is forgotten once its hour is over.

local HOUR_MS = 3600000

-- Returns 1 when there is room and they are counted, 0 when there is none, -1 when their caller has none left.
local function reserveBytes(ledgers, limits, hour, expiryHour, bytes)
  local last = {}
  for i, key in ipairs(ledgers) do
    local rows, over, sum = redis.call("HGETALL", key), {}, bytes
    last[i] = expiryHour
    for at = 1, #rows, 2 do
      if tonumber(rows[at]) < hour then over[#over + 1] = rows[at] else sum = sum + tonumber(rows[at + 1]) end
      last[i] = math.max(last[i], tonumber(rows[at]))
    end
    if #over > 0 then redis.call("HDEL", key, unpack(over)) end
    if sum > tonumber(limits[i]) then return 1 - i end
  end
  for i, key in ipairs(ledgers) do
    redis.call("HINCRBY", key, expiryHour, bytes)
    redis.call("PEXPIRE", key, (last[i] - hour + 2) * HOUR_MS)
  end
  return 1
end

-- No more than is counted: what has expired is counted no longer.
local function returnBytes(ledgers, expiryHour, bytes)
  for _, key in ipairs(ledgers) do
    -- Minus zero is "-0", which Redis does not take for an integer.
    local left = redis.call("HINCRBY", key, expiryHour, -bytes + 0)
    -- A field of nothing may be a new one, of a hash that had expired.
    if left <= -bytes then redis.call("HDEL", key, expiryHour)
    elseif left < 0 then redis.call("HINCRBY", key, expiryHour, -left) end
  end
end
