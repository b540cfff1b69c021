import { AppError } from "../lib/app-error.ts"
import { readOtherSchema } from "../lib/queue/schema-version.ts"
import { SCHEMA_VERSION } from "../lib/redis/keys.ts"
import { evictionProblem } from "../lib/redis/memory.ts"
import { lookAtMemory } from "./memory-look.ts"
import type { Services } from "./services.ts"

/** Served without authentication: frequent requests must not cost a command each. */
const MAX_AGE_MS = 1_000

/**
 * Work can be accepted: Redis takes writes and keeps what it has, the classifiers read the jobs that this edge
 * writes, some caller is allowed to use it, and this process is not shutting down.
 * @throws AppError redis_unavailable, redis_full, redis_unauthorized, redis_evicts, schema_mismatch, no_keys, shutting_down
 */
export async function assertReady(services: Services): Promise<void> {
  if (services.isShuttingDown) throw new AppError("shutting_down", "Cannot accept work: this edge is being stopped")
  const reason = await services.readyLook.read(() => lookWhyNot(services), MAX_AGE_MS)
  if (reason !== null) throw reason
}

async function lookWhyNot(services: Services): Promise<AppError | null> {
  const { redis, keys, apiKeys, config } = services
  // Writes nothing, and is refused where a write would be.
  const tryWrite = () => redis.setrange(keys.schema, 0, "")
  const [found] = await Promise.all([readOtherSchema(redis, keys), tryWrite()])
  const eviction = evictionProblem(await lookAtMemory(services))
  if (eviction !== null && !config.ALLOW_EVICTION) return eviction
  if (found !== null) {
    const message = `This edge writes jobs of schema ${SCHEMA_VERSION}, and the classifiers read schema ${found}`
    return new AppError("schema_mismatch", message)
  }
  if (config.ALLOW_ANONYMOUS || config.API_KEYS.length > 0 || (await apiKeys.any())) return null
  return new AppError(
    "no_keys",
    "Cannot accept work: make an API key (`claimcheck keys create`), or set ALLOW_ANONYMOUS=true",
  )
}
