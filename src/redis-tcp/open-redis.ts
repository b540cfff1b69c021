import type * as z from "zod"
import { restEnv } from "../lib/queue/queue-config.ts"
import type { Redis } from "../lib/redis/redis.ts"
import { redisUrl } from "../lib/redis/redis-url.ts"
import { connectRest } from "../lib/redis/rest.ts"
import { download } from "./download.ts"
import { connectTcp } from "./tcp.ts"

/** Where a Node process finds the queue's Redis: REDIS_URL, else the REST endpoint. */
export const redisEnv = {
  REDIS_URL: redisUrl().optional(),
  UPSTASH_REDIS_REST_URL: restEnv.UPSTASH_REDIS_REST_URL.optional(),
  UPSTASH_REDIS_REST_TOKEN: restEnv.UPSTASH_REDIS_REST_TOKEN.optional(),
}
export type RedisEnv = z.infer<z.ZodObject<typeof redisEnv>>

/** For a schema that has `redisEnv`. */
export function requireRedis({ value, issues }: z.core.ParsePayload<RedisEnv>): void {
  if (value.REDIS_URL !== undefined) return
  for (const name of ["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"] as const) {
    if (value[name] !== undefined) continue
    issues.push({ code: "custom", path: [name], message: "is not set, and neither is REDIS_URL", input: undefined })
  }
}

export type OpenRedis = Redis & { close(): void }

/** By TCP where REDIS_URL is given, else over REST. @throws Error where requireRedis() was not asked */
export function openRedis(env: RedisEnv, { timeoutMs = 1_500 } = {}): OpenRedis {
  const { REDIS_URL, UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = env
  if (REDIS_URL !== undefined) return connectTcp({ url: REDIS_URL, timeoutMs })
  if (url === undefined || token === undefined) throw new Error("No Redis is given")
  return { ...connectRest({ url, token, timeoutMs, download }), close: () => undefined }
}
