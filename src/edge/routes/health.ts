import { AppError } from "../../lib/app-error.ts"
import { newRouter } from "../router.ts"

export const health = newRouter()

/** The process is alive. */
health.get("/healthz", (c) => c.json({ status: "ok" }))

/** Work can be accepted: Redis answers. */
health.get("/readyz", async (c) => {
  const pong = await c.var.services.redis.call((sdk) => sdk.ping())
  if (pong !== "PONG") throw new AppError("redis_unavailable", "Redis gave an answer that is none")
  return c.json({ status: "ready" })
})
