import { queueStatsSchema, readQueueStats } from "../../lib/queue/queue-stats.ts"
import { logWarnings, lookAtMemory } from "../memory-look.ts"
import { createRoute } from "../openapi/api-route.ts"
import { REDIS_ERRORS } from "../openapi/error-codes.ts"
import { newRouter } from "../router.ts"

/** Everybody may ask, and each look costs commands for every queue. */
const MAX_AGE_MS = 1_000

const read = createRoute({
  method: "get",
  path: "/v1/queue",
  operationId: "readQueue",
  tag: "Service",
  summary: "How full the queue is, and how fast it empties",
  description: "As it was a second ago at most.",
  access: "caller",
  responses: { 200: { description: "As it is now", content: { "application/json": queueStatsSchema } } },
  errors: [...REDIS_ERRORS],
})

export const queue = newRouter()

queue.openapi(read, async (c) => {
  const { services } = c.var
  const look = async () => {
    const [snapshot, memory] = await Promise.all([services.registry.snapshot(), lookAtMemory(services)])
    return readQueueStats({ ...services, memory }, snapshot, services.now())
  }
  const stats = await services.queueLook.read(look, MAX_AGE_MS)
  logWarnings(services, stats.warnings)
  return c.json(stats)
})
