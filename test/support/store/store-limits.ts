import * as z from "zod"
import { queueEnv, storeLimits } from "../../../src/lib/queue/queue-config.ts"

/** The limits of a store that nothing is configured for. */
export const DEFAULT_STORE_LIMITS = storeLimits(
  z.object(queueEnv).parse({ UPSTASH_REDIS_REST_URL: "http://127.0.0.1", UPSTASH_REDIS_REST_TOKEN: "none" }),
)
