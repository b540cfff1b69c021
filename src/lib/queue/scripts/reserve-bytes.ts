import { WHEN_FULL } from "./prelude.ts"

/**
 * Counts bytes that come to lie in Redis, by the hour in which they expire, in a hash for all and one for their caller: what
 * nobody gives back is forgotten once its hour is over.
 */
export const BYTES_FUNCTIONS = `
-- Returns 1 when there is room and they are counted, 0 when there is none, -1 when their caller has none left.
local function reserveBytes(keys, limits, hour, expires, bytes)
  local last = {}
  for i, key in ipairs(keys) do
    local rows, over, sum = redis.call("HGETALL", key), {}, bytes
    last[i] = expires
    for at = 1, #rows, 2 do
      if tonumber(rows[at]) < hour then over[#over + 1] = rows[at] else sum = sum + tonumber(rows[at + 1]) end
      last[i] = math.max(last[i], tonumber(rows[at]))
    end
    if #over > 0 then redis.call("HDEL", key, unpack(over)) end
    if sum > tonumber(limits[i]) then return 1 - i end
  end
  for i, key in ipairs(keys) do
    redis.call("HINCRBY", key, expires, bytes)
    redis.call("PEXPIRE", key, (last[i] - hour + 2) * 3600000)
  end
  return 1
end

-- No more than is counted: what has expired is counted no longer.
local function returnBytes(keys, expires, bytes)
  for _, key in ipairs(keys) do
    -- Nought is "-0" when it is taken away, which Redis takes for no integer.
    local left = redis.call("HINCRBY", key, expires, -bytes + 0)
    -- A field of nothing is perhaps a new one, of a hash that had expired.
    if left <= -bytes then redis.call("HDEL", key, expires)
    elseif left < 0 then redis.call("HINCRBY", key, expires, -left) end
  end
end
`

/**
 * A repeated attempt counts again: the sums err to the safe side.
 *
 * KEYS[1] ledger of all   KEYS[2] ledger of one caller
 * ARGV[1] this hour   ARGV[2] hour of expiry   ARGV[3] bytes   ARGV[4] limit for all   ARGV[5] limit for the caller
 *
 * Returns 1 when there is room, 0 when there is none, -1 when its caller has none left.
 */
export const RESERVE_BYTES = `${WHEN_FULL}${BYTES_FUNCTIONS}
return reserveBytes(KEYS, { ARGV[4], ARGV[5] }, tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]))
`

/**
 * Gives back what RESERVE_BYTES has counted. Sent twice it gives back twice.
 *
 * KEYS as there   ARGV[1] hour of expiry   ARGV[2] bytes
 */
export const RETURN_BYTES = `${WHEN_FULL}${BYTES_FUNCTIONS}
returnBytes(KEYS, ARGV[1], tonumber(ARGV[2]))
return 1
`
