import { Redis as Sdk } from "@upstash/redis/cloudflare"
import type { Redis } from "../../../src/lib/redis/redis.ts"

/** Every command there is, for what a test looks at, or breaks, beside the commands that the product uses. */
export const redisSdk = ({ url, token }: { url: string; token: string }): Sdk =>
  new Sdk({ url, token, automaticDeserialization: false, responseEncoding: false, enableTelemetry: false })

/** The same Redis, each of its calls through `around`. */
export function aroundRedis(redis: Redis, around: (call: () => Promise<unknown>) => Promise<unknown>): Redis {
  const calls = Object.entries(redis) as [string, (...args: unknown[]) => Promise<unknown>][]
  const wrapped = calls.map(([name, call]) => [name, (...args: unknown[]) => around(() => call(...args))])
  return Object.fromEntries(wrapped) as Redis
}
