import * as z from "zod"
import { createRoute } from "../openapi/api-route.ts"
import { REDIS_ERRORS } from "../openapi/error-codes.ts"
import { assertReady } from "../readiness.ts"
import { newRouter } from "../router.ts"

const status = (value: string) => ({ "application/json": z.object({ status: z.literal(value) }) })

const alive = createRoute({
  method: "get",
  path: "/healthz",
  operationId: "isAlive",
  tag: "About",
  summary: "The process is alive",
  access: "public",
  responses: { 200: { description: "It is", content: status("ok") } },
  errors: [],
})

const ready = createRoute({
  method: "get",
  path: "/readyz",
  operationId: "isReady",
  tag: "About",
  summary: "Work can be accepted: Redis answers, classifiers read what this edge writes, and somebody may send it",
  access: "public",
  responses: { 200: { description: "It can", content: status("ready") } },
  errors: ["schema_mismatch", ...REDIS_ERRORS, "no_keys"],
})

export const health = newRouter()

health.openapi(alive, (c) => c.json({ status: "ok" }))

health.openapi(ready, async (c) => {
  await assertReady(c.var.services)
  return c.json({ status: "ready" })
})
