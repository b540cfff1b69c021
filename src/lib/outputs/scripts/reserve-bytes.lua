#!lua flags=allow-oom
-- Counts bytes that are about to be stored. A repeated attempt counts again: the sums err to the safe side.
--
-- KEYS[1] ledger of all   KEYS[2] ledger of one caller
-- ARGV[1] this hour   ARGV[2] hour of expiry   ARGV[3] bytes   ARGV[4] limit for all   ARGV[5] limit for the caller
--
-- Returns 1 when there is room, 0 when there is none, -1 when its caller has none left.
--- include "byte-ledger"

return reserveBytes(KEYS, { ARGV[4], ARGV[5] }, tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]))
