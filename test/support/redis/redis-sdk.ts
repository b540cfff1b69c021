import { Redis } from "@upstash/redis/cloudflare"
import type { RedisRest } from "../../../src/lib/redis/redis.ts"

/** Every command there is, for what a test looks at, or breaks, beside the commands that the product uses. */
export const redisSdk = ({ url, token }: { url: string; token: string }): Redis =>
  new Redis({ url, token, automaticDeserialization: false, responseEncoding: false, enableTelemetry: false })

/** The same Redis, each of its calls through `around`. */
export function aroundRedis(redis: RedisRest, around: (call: () => Promise<unknown>) => Promise<unknown>): RedisRest {
  const calls = Object.entries(redis) as [string, (...args: unknown[]) => Promise<unknown>][]
  const wrapped = calls.map(([name, call]) => [name, (...args: unknown[]) => around(() => call(...args))])
  return Object.fromEntries(wrapped) as RedisRest
}
