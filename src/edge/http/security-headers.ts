import type { MiddlewareHandler } from "hono"
import { createMiddleware } from "hono/factory"
import type { EdgeEnv } from "../router.ts"

const YEAR_S = 31_536_000

/** What holds for every answer that is data, wherever a browser shows it. */
export const DATA_HEADERS = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
} as const

/** On every response. Pages set their own Content-Security-Policy. */
export function securityHeaders(corsOrigins: readonly string[]): MiddlewareHandler<EdgeEnv> {
  // Images of ours may stand in pages of the origins that may call us. One that is listed asks for them by CORS.
  const resourcePolicy = corsOrigins.includes("*") ? "cross-origin" : "same-origin"
  return createMiddleware<EdgeEnv>(async (c, next) => {
    await next()
    const { headers } = c.res
    for (const [name, value] of Object.entries(DATA_HEADERS)) if (!headers.has(name)) headers.set(name, value)
    if (!headers.has("Cross-Origin-Resource-Policy")) headers.set("Cross-Origin-Resource-Policy", resourcePolicy)
    // Over plain http a browser ignores it, and who ends TLS in front of us says it there.
    if (c.req.url.startsWith("https:")) headers.set("Strict-Transport-Security", `max-age=${YEAR_S}`)
  })
}
