import { WHEN_FULL } from "./prelude.ts"

/**
 * Counts bytes that come to lie in Redis, by the hour in which they expire, unless there would be too many. A repeated
 * attempt counts again: the sum errs to the safe side, and forgets an hour once it is over.
 *
 * KEYS[1] outputBytes or listBytes
 * ARGV[1] this hour   ARGV[2] hour of expiry   ARGV[3] bytes   ARGV[4] limit for all
 *
 * Returns 1 when there is room, 0 when there is none.
 */
export const RESERVE_BYTES = `${WHEN_FULL}
local hour, expires, bytes, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local rows, over, sum, last = redis.call("HGETALL", KEYS[1]), {}, bytes, expires
for i = 1, #rows, 2 do
  if tonumber(rows[i]) < hour then over[#over + 1] = rows[i] else sum = sum + tonumber(rows[i + 1]) end
  last = math.max(last, tonumber(rows[i]))
end
if #over > 0 then redis.call("HDEL", KEYS[1], unpack(over)) end
if sum > limit then return 0 end
redis.call("HINCRBY", KEYS[1], expires, bytes)
redis.call("PEXPIRE", KEYS[1], (last - hour + 2) * 3600000)
return 1
`
