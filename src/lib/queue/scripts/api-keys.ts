/**
 * Makes a key known.
 *
 * KEYS[1] hash of keys by the SHA-256 of each   KEYS[2] hash of names, those of revoked keys too
 * ARGV[1] name   ARGV[2] SHA-256 of the key   ARGV[3] record, JSON
 *
 * Returns "created", also for the same key again; "taken" or "revoked" for a name that is, or was, another key's: its tickets
 * are that key's alone, and must not be read by who comes to have the name.
 */
export const CREATE_KEY = `
local known = redis.call("HGET", KEYS[2], ARGV[1])
if known and known ~= ARGV[2] then return known:find("^revoked") and "revoked" or "taken" end
redis.call("HSET", KEYS[2], ARGV[1], ARGV[2])
redis.call("HSET", KEYS[1], ARGV[2], ARGV[3])
return "created"
`

/**
 * Ends a key. Its name stays taken.
 *
 * KEYS[1], KEYS[2] as above   KEYS[3] hash of the days of use   ARGV[1] name   ARGV[2] now in ms
 *
 * Returns "revoked", also for one that was revoked before, or "missing".
 */
export const REVOKE_KEY = `
local known = redis.call("HGET", KEYS[2], ARGV[1])
if not known then return "missing" end
if known:find("^revoked") then return "revoked" end
redis.call("HDEL", KEYS[1], known)
redis.call("HDEL", KEYS[3], ARGV[1])
redis.call("HSET", KEYS[2], ARGV[1], "revoked:" .. ARGV[2])
return "revoked"
`
