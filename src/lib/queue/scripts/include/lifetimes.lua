-- Longer than any job can wait, so that what jobs share outlives them; renewed while it is used.
local SHARED_TTL_MS = 10 * 86400000

-- Longer than the longest wait between two tries of a webhook; renewed by each of them.
local DELIVERY_TTL_MS = 8 * 86400000
