import { expect, it } from "vitest"
import * as z from "zod"
import { parseEnv } from "../../../src/lib/env.ts"
import { redisEnv, requireRedis } from "../../../src/redis-tcp/open-redis.ts"

const read = (env: Record<string, string>) => parseEnv(z.object(redisEnv).check(requireRedis), env)
const REST = { UPSTASH_REDIS_REST_URL: "https://x.upstash.io", UPSTASH_REDIS_REST_TOKEN: "t" }

it("a process is given its Redis by TCP, over REST, or both", () => {
  const REDIS_URL = "rediss://user:p%25ss@h:6380/2"
  for (const env of [{ REDIS_URL }, REST, { REDIS_URL, ...REST }]) expect(read(env)).toEqual(env)
})

it.each([
  [{}, /UPSTASH_REDIS_REST_URL is not set, and neither is REDIS_URL.*UPSTASH_REDIS_REST_TOKEN is not set/],
  [{ UPSTASH_REDIS_REST_URL: "https://x" }, /UPSTASH_REDIS_REST_TOKEN is not set, and neither is REDIS_URL/],
  [{ REDIS_URL: "http://:hunter2@h" }, /REDIS_URL must be/],
  [{ REDIS_URL: "redis://:hunter2@" }, /REDIS_URL must be/],
  // What the client would refuse only once it connects, again and again.
  [{ REDIS_URL: "redis://:hunter2%@h" }, /REDIS_URL must be/],
  [{ REDIS_URL: "redis://:hunter2@h/queue" }, /REDIS_URL must be/],
])("a process that is given %j does not start, and says which variable without its value", (env, message) => {
  expect(() => read(env as Record<string, string>)).toThrow(message)
  expect(() => read(env as Record<string, string>)).not.toThrow("hunter2")
})
