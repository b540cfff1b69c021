-- KEYS none
-- Returns { bytes used, maxmemory in bytes, maxmemory-policy } as texts, or nothing where Redis does not say.

local info = redis.pcall("INFO", "memory")
if type(info) ~= "string" then return {} end
return { info:match("used_memory:(%d+)") or "0", info:match("maxmemory:(%d+)") or "0", info:match("maxmemory_policy:(%S+)") or "" }
