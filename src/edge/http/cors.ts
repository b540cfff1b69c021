import type { MiddlewareHandler } from "hono"
import { createMiddleware } from "hono/factory"
import { AppError } from "../../lib/app-error.ts"
import type { EdgeConfig } from "../config.ts"
import type { EdgeEnv } from "../router.ts"
import { RESPONSE_HEADERS } from "./response-headers.ts"

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"])
const METHODS = "GET, POST, PUT, DELETE"
const REQUEST_HEADERS =
  "Accept, Authorization, Cache-Control, Content-Type, Idempotency-Key, If-None-Match, Prefer, Traceparent, Tracestate"
const EXPOSED = Object.keys(RESPONSE_HEADERS).join(", ")
/** Browsers keep a preflight for two hours at most. */
const PREFLIGHT_MAX_AGE_S = 7_200

/**
 * Whose pages may call from a browser. No cookies are involved, so no credentials are: a page sends a key, or is anonymous.
 * Pages of other origins may change nothing, though a form could be sent without asking: on somebody's own machine, or in
 * their network, being there is what lets anonymous callers in.
 */
export function cors({ CORS_ORIGINS: allowed, PUBLIC_URL }: EdgeConfig): MiddlewareHandler<EdgeEnv> {
  const ownOrigin = PUBLIC_URL === undefined ? undefined : new URL(PUBLIC_URL).origin
  return createMiddleware<EdgeEnv>(async (c, next) => {
    const origin = c.req.header("origin")
    const isAllowed = origin !== undefined && allowed.some((pattern) => matchesOrigin(pattern, origin))
    const granted = !isAllowed ? null : allowed.includes("*") ? "*" : origin
    const isPreflight = c.req.method === "OPTIONS" && c.req.header("access-control-request-method") !== undefined
    if (isPreflight && granted !== null) {
      c.res = new Response(null, {
        status: 204,
        headers: {
          "Access-Control-Allow-Methods": METHODS,
          "Access-Control-Allow-Headers": REQUEST_HEADERS,
          "Access-Control-Max-Age": String(PREFLIGHT_MAX_AGE_S),
        },
      })
    } else {
      if (!isAllowed && !SAFE_METHODS.has(c.req.method) && comesFromElsewhere(c.req.raw, ownOrigin)) {
        throw new AppError(
          "origin_not_allowed",
          "Cannot accept the request: CORS_ORIGINS does not name the page's origin",
        )
      }
      await next()
    }
    // After the answer was made: a refusal, too, must be readable by the page that it is for.
    if (granted !== null) {
      c.res.headers.set("Access-Control-Allow-Origin", granted)
      c.res.headers.set("Access-Control-Expose-Headers", EXPOSED)
    }
    if (!allowed.includes("*") && allowed.length > 0) c.res.headers.append("Vary", "Origin")
  })
}

/** Whether a page of another origin sends this: by `Sec-Fetch-Site`, else by `Origin`. Other clients send neither. */
function comesFromElsewhere({ url, headers }: Request, ownOrigin: string | undefined): boolean {
  const site = headers.get("sec-fetch-site")
  if (site !== null) return site === "cross-site" || site === "same-site"
  const origin = headers.get("origin")
  if (origin === null || origin === ownOrigin) return false
  const { host, protocol } = new URL(url)
  // Who ends TLS in front of us hands the request on by http.
  return origin !== `${protocol}//${host}` && origin !== `https://${host}`
}

function matchesOrigin(pattern: string, origin: string): boolean {
  if (pattern === "*" || pattern === origin) return true
  if (!pattern.endsWith(":*")) return false
  const anyPort = pattern.slice(0, -2)
  return origin === anyPort || (origin.startsWith(`${anyPort}:`) && /^\d+$/.test(origin.slice(anyPort.length + 1)))
}
