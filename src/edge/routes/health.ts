import * as z from "zod"
import { createRoute } from "../openapi/api-route.ts"
import { REDIS_ERRORS } from "../openapi/error-codes.ts"
import { assertReady } from "../readiness.ts"
import { newRouter } from "../router.ts"

const json = (schema: z.ZodObject) => ({ "application/json": schema })
const readySchema = z.object({
  status: z.literal("ready"),
  classifiers: z.number().int().meta({ description: "Classifiers that are there now; 0: what is sent waits for one" }),
  paused: z.boolean().meta({ description: "An operator paused the queue: what is sent waits until it is resumed" }),
})

const alive = createRoute({
  method: "get",
  path: "/healthz",
  operationId: "isAlive",
  tag: "About",
  summary: "The process is alive",
  access: "public",
  responses: { 200: { description: "It is", content: json(z.object({ status: z.literal("ok") })) } },
  errors: [],
})

const ready = createRoute({
  method: "get",
  path: "/readyz",
  operationId: "isReady",
  tag: "About",
  summary:
    "Work can be accepted: Redis takes it and keeps it, classifiers read what this edge writes, and somebody may send it",
  description: "Whether somebody is there to do the work is in `classifiers` and `paused`, and is no part of it.",
  access: "public",
  responses: { 200: { description: "It can", content: json(readySchema) } },
  errors: ["schema_mismatch", ...REDIS_ERRORS, "redis_evicts", "no_keys", "shutting_down"],
})

export const health = newRouter()

health.openapi(alive, (c) => c.json({ status: "ok" }))

health.openapi(ready, async (c) => {
  await assertReady(c.var.services)
  const { registry } = c.var.services
  return c.json({ status: "ready", classifiers: await registry.classifiers(), paused: await registry.isPaused() })
})
