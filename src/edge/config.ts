import * as z from "zod"
import { allowedHosts } from "../lib/allowed-hosts.ts"
import { rateLimitOrOffSchema } from "../lib/callers/rate-limit.ts"
import { type Env, flag, parseEnv, wholeNumber, words } from "../lib/env.ts"
import { queueEnv, restEnv } from "../lib/queue/queue-config.ts"

const apiKey = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_.-]{0,63}:[0-9a-f]{64}(:\d+(\.\d+)?)?$/i,
    "must be name:sha256-hex[:weight], comma-separated",
  )
  .transform((text) => {
    const [name = "", sha256 = "", weight = "1"] = text.split(":")
    return { name, sha256: sha256.toLowerCase(), weight: Math.max(0.001, Number(weight)) }
  })
/** A key that callers may use; only its hash is known here. `weight` is its share of a busy queue. */
export type ApiKey = z.infer<typeof apiKey>

const origin = z
  .string()
  .toLowerCase()
  .regex(
    /^(\*|https?:\/\/([a-z0-9.-]+|\[[0-9a-f:]+\])(:(\d{1,5}|\*))?)$/,
    "must be origins like https://app.example, http://localhost:*, or *",
  )

/** The edge's variables. */
export const edgeEnv = z.object({
  ...restEnv,
  ...queueEnv,
  TICKET_SECRET: words().pipe(z.array(z.string().min(16, "must be at least 16 characters")).min(1, "is not set")),
  API_KEYS: words().pipe(z.array(apiKey)).default([]),
  ALLOW_ANONYMOUS: flag(false),
  /** Default: the edge's own names if anonymous callers are accepted, any name otherwise. */
  ALLOWED_HOSTS: allowedHosts().optional(),
  /** Whose pages may call from a browser, besides our own; "*" for all, ":*" for every port. */
  CORS_ORIGINS: words().pipe(z.array(origin)).default([]),
  /** How often a caller may submit, unless its key says otherwise. */
  RATE_LIMIT: rateLimitOrOffSchema.default({ count: 600, windowMs: 60_000 }),
  /** How often a caller may do anything else, in each isolate. */
  READ_LIMIT: rateLimitOrOffSchema.default({ count: 6_000, windowMs: 60_000 }),
  DEFAULT_MODEL: z.string().optional(),
  MAX_BATCH_BYTES: wholeNumber(32_000_000),
  /** Rows of a list, and different URLs in it. */
  MAX_BATCH_ROWS: wholeNumber(100_000),
  JOB_DEADLINE_MS: wholeNumber(3_600_000),
  /** Of all bodies that are being received by one process, or isolate; and of those of one caller. */
  MAX_BYTES_IN_FLIGHT: wholeNumber(256_000_000),
  MAX_BYTES_IN_FLIGHT_PER_CALLER: wholeNumber(64_000_000),
  MIN_BODY_BYTES_PER_S: wholeNumber(1_000),
  BODY_TIMEOUT_MS: wholeNumber(300_000, 1_000),
})
export type EdgeConfig = z.infer<typeof edgeEnv>

/** @throws ConfigError */
export function readEdgeConfig(env: Env): EdgeConfig {
  return parseEnv(edgeEnv, env)
}

export const MAX_DEADLINE_MS = 86_400_000
export const MAX_WAIT_S = 30
