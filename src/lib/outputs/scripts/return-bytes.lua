#!lua flags=allow-oom
-- Gives back what reserve-bytes has counted. Sent twice it gives back twice.
--
-- KEYS[1] ledger of all   KEYS[2] ledger of one caller   ARGV[1] hour of expiry   ARGV[2] bytes
-- Returns 1.
--- include "byte-ledger"

returnBytes(KEYS, ARGV[1], tonumber(ARGV[2]))
return 1
