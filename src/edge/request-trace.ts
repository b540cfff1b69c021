import type { MiddlewareHandler } from "hono"
import { createMiddleware } from "hono/factory"
import { routePath } from "hono/route"
import { childOf, newTrace, parseTraceparent } from "../lib/trace/trace-context.ts"
import type { EdgeContext, EdgeEnv, RequestTrace } from "./router.ts"

/** Keeps a promise alive that outlasts its answer, where a runtime would end it. */
export type WaitUntil = (c: EdgeContext, work: Promise<void>) => void

const READS = ["GET", "HEAD", "OPTIONS"]

/** Continues the caller's trace, or starts one; not for reads without a trace, which would outnumber all others. */
export function traceRequests(waitUntil?: WaitUntil): MiddlewareHandler<EdgeEnv> {
  return createMiddleware<EdgeEnv>(async (c, next) => {
    const { tracer } = c.var.services
    const parent = parseTraceparent(c.req.header("traceparent"))
    const begun = () => newTrace({ isSampled: tracer.isOn && !READS.includes(c.req.method) })
    const trace: RequestTrace = { ...(parent === null ? begun() : childOf(parent)), attributes: {} }
    c.set("trace", trace)
    const startMs = Date.now()
    await next()
    // Unauthenticated requests must not fill the buffer or write into a trace.
    if (!tracer.isOn || !trace.isSampled || c.var.caller === undefined) return
    const { status } = c.res
    // Not the path: it may hold a ticket, which is a capability.
    const route = routePath(c, -1)
    const { method } = c.req
    tracer.record({
      context: trace,
      parentSpanId: parent?.spanId,
      name: `${method} ${route}`,
      kind: "server",
      startMs,
      endMs: Date.now(),
      attributes: {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        ...trace.attributes,
      },
      ...(status >= 500 && { error: String(status) }),
    })
    waitUntil?.(c, tracer.flush())
  })
}
