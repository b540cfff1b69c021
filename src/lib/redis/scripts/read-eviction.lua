-- KEYS none
-- Returns the policy by which Redis drops keys at its maxmemory, or "" where it drops none or does not say.

local info = redis.pcall("INFO", "memory")
if type(info) ~= "string" or info:match("maxmemory:(%d+)") == "0" then return "" end
local policy = info:match("maxmemory_policy:(%S+)") or ""
return policy ~= "noeviction" and policy or ""
