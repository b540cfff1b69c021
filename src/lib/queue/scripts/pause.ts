import { PRELUDE, WHEN_FULL } from "./prelude.ts"

/** A pause is a person's wish: it has no end of its own, and so the key that holds it has no TTL. KEYS[1] prefix */
export const PAUSE = `${WHEN_FULL}${PRELUDE}
redis.call("HSET", FLOW, "paused", "1")
redis.call("PERSIST", FLOW)
`

/** KEYS[1] prefix */
export const RESUME = `${WHEN_FULL}${PRELUDE}
redis.call("HDEL", FLOW, "paused")
redis.call("PEXPIRE", FLOW, SHARED_TTL_MS)
redis.call("PUBLISH", WAKE, "queued")
`
