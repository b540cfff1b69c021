import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { startRedis } from "../../../test/support/redis/redis-server.ts"
import { fillRedis } from "../../chaos/redis-faults.ts"
import { startPostgres } from "./postgres-server.ts"
import type { Store } from "./store.ts"

/** Redis with its append-only file, synced every second. */
async function startRedisStore(): Promise<Store> {
  const dir = await mkdtemp(join(tmpdir(), "claimcheck-redis-"))
  const redis = await startRedis({ appendOnly: true, dir })
  return {
    ...redis,
    stop: () => redis.stop().finally(() => rm(dir, { recursive: true, force: true })),
    async restart(downMs) {
      await redis.stop()
      await delay(downMs)
      await redis.restart()
    },
    fill: (forMs) => fillRedis(redis.url, forMs),
  }
}

export const startStore = { redis: startRedisStore, postgres: startPostgres }
