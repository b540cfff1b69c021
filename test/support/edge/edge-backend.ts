import { startGateway, startRedis } from "../redis/redis-server.ts"
import type { Backend } from "./edge-runtime.ts"

export async function startBackend(): Promise<Backend> {
  const redis = await startRedis()
  const gateway = await startGateway({ redisUrl: redis.url })
  return {
    url: gateway.url,
    token: gateway.token,
    pause: async () => redis.pause(),
    resume: async () => redis.resume(),
    kill: () => redis.kill(),
    async stop() {
      await gateway.close()
      await redis.stop()
    },
  }
}
