import { readQueueStats } from "../../lib/queue-stats.ts"
import { newRouter } from "../router.ts"

/** How full the queue is, and how fast it empties. */
export const queue = newRouter()

queue.get("/", async (c) => {
  const { services } = c.var
  return c.json(await readQueueStats(services, await services.registry.snapshot(), services.now()))
})
