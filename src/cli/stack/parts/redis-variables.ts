import type { RedisEnv } from "../../../redis-tcp/open-redis.ts"
import { redactUrl } from "./redact-url.ts"

/** As it may be shown. */
export const addressOf = (redis: RedisEnv): string => redactUrl(redis.REDIS_URL ?? redis.UPSTASH_REDIS_REST_URL ?? "")

/** For a process that is to use this Redis, whatever our own environment says. */
export const variablesOf = ({
  REDIS_URL = "",
  UPSTASH_REDIS_REST_URL = "",
  UPSTASH_REDIS_REST_TOKEN = "",
}: RedisEnv) => ({
  REDIS_URL,
  UPSTASH_REDIS_REST_URL,
  UPSTASH_REDIS_REST_TOKEN,
})
