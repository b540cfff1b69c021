import * as z from "zod"
import { findWarnings, warningSchema } from "../../lib/queue/nearly-full.ts"
import { logWarnings, lookAtMemory } from "../memory-look.ts"
import { createRoute } from "../openapi/api-route.ts"
import { REDIS_ERRORS } from "../openapi/error-codes.ts"
import { assertReady } from "../readiness.ts"
import { newRouter } from "../router.ts"

const json = (schema: z.ZodObject) => ({ "application/json": schema })
const readySchema = z.object({
  status: z.literal("ready"),
  classifiers: z.number().int().meta({ description: "Running classifiers. With 0, uploads wait" }),
  warnings: z
    .array(warningSchema)
    .meta({ description: "That Redis is nearly full. When it is full, uploads are refused" }),
  paused: z.boolean().meta({ description: "Whether the queue is paused. Uploads then wait until it is resumed" }),
})

const alive = createRoute({
  method: "get",
  path: "/healthz",
  operationId: "isAlive",
  tag: "About",
  summary: "Check that the process is alive",
  access: "public",
  responses: { 200: { description: "Alive", content: json(z.object({ status: z.literal("ok") })) } },
  errors: [],
})

const ready = createRoute({
  method: "get",
  path: "/readyz",
  operationId: "isReady",
  tag: "About",
  summary: "Check that the edge can accept uploads: Redis stores them, the schema matches, and a caller is allowed",
  description: "Does not require a running classifier: see `classifiers` and `paused`.",
  access: "public",
  responses: { 200: { description: "Ready", content: json(readySchema) } },
  errors: ["schema_mismatch", ...REDIS_ERRORS, "redis_evicts", "no_keys", "shutting_down"],
})

export const health = newRouter()

health.openapi(alive, (c) => c.json({ status: "ok" }))

health.openapi(ready, async (c) => {
  const { services } = c.var
  await assertReady(services)
  const { registry } = services
  const warnings = findWarnings({ memory: await lookAtMemory(services) })
  logWarnings(services, warnings)
  return c.json({
    status: "ready",
    warnings,
    classifiers: await registry.classifiers(),
    paused: (await registry.pauseOf()) === "all",
  })
})
