import * as z from "zod"
import { allowedHosts } from "../lib/allowed-hosts.ts"
import { flag, wholeNumber } from "../lib/env.ts"
import { redisUrl } from "../lib/redis/redis-url.ts"

/** All that the gateway is configured by. */
export const gatewayEnv = z.object({
  REDIS_URL: redisUrl().default("redis://127.0.0.1:6379"),
  UPSTASH_REDIS_REST_TOKEN: z.string().regex(/^\S+$/, "must be a text without spaces"),
  GATEWAY_HOST: z.string().default("127.0.0.1"),
  GATEWAY_PORT: wholeNumber(8079, 0).pipe(z.number().max(65_535, "must be a port from 0 to 65535")),
  ALLOWED_HOSTS: allowedHosts().default([]),
  ALLOW_EVICTION: flag(false),
})
