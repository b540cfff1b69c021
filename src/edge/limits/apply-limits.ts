import { createMiddleware } from "hono/factory"
import type { RequestBody } from "../http/request-body.ts"
import type { EdgeContext, EdgeEnv } from "../router.ts"

/** Limits submits to the caller's rate, and reports it in every response. Reads are not counted. */
export const limitSubmits = createMiddleware<EdgeEnv>(async (c, next) => {
  if (c.req.method !== "POST") return next()
  const { caller } = c.var
  const { submitRates } = c.var.services
  const setRateHeaders = () => {
    for (const [name, value] of Object.entries(submitRates.headersFor(caller))) c.header(name, value)
  }
  setRateHeaders() // For a refusal by this middleware.
  submitRates.assertMaySubmit(caller)
  submitRates.assertFewRefused(caller)
  submitRates.chargePrefix48(caller)
  await next()
  if (c.res.status >= 400 && c.res.status < 500 && c.res.status !== 429) submitRates.noteRefused(caller)
  setRateHeaders()
})

/** Limits all other requests to READ_LIMIT. */
export const limitReads = createMiddleware<EdgeEnv>(async (c, next) => {
  c.var.services.readRates.charge(c.var.caller.id)
  await next()
})

/** Lends the body of a request that has a caller, as the limits on all bodies allow. @throws as `receive()` */
export function receiveBody<T>(c: EdgeContext, use: (body: RequestBody) => Promise<T>): Promise<T> {
  const { caller, services } = c.var
  return services.bodies.receive(c.req.raw, caller.id, use)
}
