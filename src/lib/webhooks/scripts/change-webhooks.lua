-- Changes what a caller's webhooks do by default.
--
-- KEYS[1] hash of all callers' settings
-- ARGV[1] caller
-- ARGV[2] change, JSON: url ("" for none), secret (becomes the newest), keep (how many secrets stay, newest first),
--         replace (pairs: a secret as it is, and as it will be)
--
-- Returns the settings as JSON, or "" when nothing is left of them. The same change again changes nothing.

local caller, change = ARGV[1], cjson.decode(ARGV[2])
local text = redis.call("HGET", KEYS[1], caller)
local settings = text and cjson.decode(text) or {}
settings.secrets = settings.secrets or {}
if change.url then settings.url = change.url end
if settings.url == "" then settings.url = nil end
if change.secret and settings.secrets[1] ~= change.secret then
  -- With its first secret a caller's receiver still knows only the deployment's.
  settings.deploymentSigns = #settings.secrets == 0 or nil
  table.insert(settings.secrets, 1, change.secret)
end
for _, pair in ipairs(change.replace or {}) do
  for i, secret in ipairs(settings.secrets) do
    if secret == pair[1] then settings.secrets[i] = pair[2] end
  end
end
while change.keep and #settings.secrets > change.keep do table.remove(settings.secrets) end
if change.keep == 1 then settings.deploymentSigns = nil end
-- An empty list would be written as an object.
if #settings.secrets == 0 then settings.secrets = nil end
if not settings.url and not settings.secrets then
  redis.call("HDEL", KEYS[1], caller)
  return ""
end
local changed = cjson.encode(settings)
redis.call("HSET", KEYS[1], caller, changed)
return changed
