-- A number with all its digits: Lua writes 14 of them.
local function exact(number) return string.format("%.17g", number) end

local function decode(text) return text and cjson.decode(text) or nil end
