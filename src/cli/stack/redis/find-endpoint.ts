import type { RedisEnv } from "../../../redis-tcp/open-redis.ts"
import { CliError, EXIT } from "../../cli-error.ts"
import { readRedisUrl } from "../parts/stack-config.ts"
import { readRun } from "../processes/run-file.ts"

/** What the environment names, else the stack that runs on this machine. @throws CliError when there is neither */
export function findEndpoint(env: NodeJS.ProcessEnv, runPath: string): RedisEnv {
  const { REDIS_URL, UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = env
  if (REDIS_URL) return { REDIS_URL: readRedisUrl(REDIS_URL) }
  if (url && token) return { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token }
  if (url) {
    throw new CliError("Cannot use UPSTASH_REDIS_REST_URL without UPSTASH_REDIS_REST_TOKEN: set both, or neither", {
      exitCode: EXIT.usage,
    })
  }
  const rest = readRun(runPath)?.rest
  if (rest !== undefined) return { UPSTASH_REDIS_REST_URL: rest.url, UPSTASH_REDIS_REST_TOKEN: rest.token }
  throw new CliError(
    "Cannot find the queue: no stack runs here. Start one with `npm start`, or name the queue of another with " +
      "REDIS_URL, or with UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN",
  )
}
