#!lua flags=allow-oom
-- KEYS[1] prefix
-- ARGV[1] new end of the leases, ms   ARGV[2..] "id:token"
--
-- Returns for each lease 1 when it is renewed, 0 when it is lost.

local held = redis.call("ZMSCORE", keys.leases, unpack(ARGV, 2))
local renewed, rows = {}, {}
for i = 1, #ARGV - 1 do
  renewed[i] = held[i] and 1 or 0
  if held[i] then rows[#rows + 1], rows[#rows + 2] = ARGV[1], ARGV[i + 1] end
end
if #rows > 0 then redis.call("ZADD", keys.leases, "XX", unpack(rows)) end
return renewed
