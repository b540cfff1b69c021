import { AppError } from "../lib/app-error.ts"
import type { Services } from "./services.ts"

/**
 * Work can be accepted: Redis answers, and there is somebody who may send it.
 * @throws AppError redis_unavailable, no_keys
 */
export async function assertReady({ redis, apiKeys, config }: Services): Promise<void> {
  const pong = await redis.call((sdk) => sdk.ping())
  if (pong !== "PONG") throw new AppError("redis_unavailable", "Redis gave an answer that is none")
  if (config.ALLOW_ANONYMOUS || config.API_KEYS.length > 0 || (await apiKeys.any())) return
  throw new AppError(
    "no_keys",
    "Cannot accept work: make an API key (`claimcheck keys create`), or set ALLOW_ANONYMOUS=true",
  )
}
