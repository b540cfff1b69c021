import type { Context } from "hono"
import type { ContentfulStatusCode } from "hono/utils/http-status"
import { type AppError, type ErrorCode, errorRow } from "../../lib/app-error.ts"

/** An error as RFC 9457 problem details, with `code` as the stable name of its kind. */
export function problemResponse(c: Context, error: AppError, extra: Record<string, unknown> = {}): Response {
  const [status, title, usualMs] = errorRow(error.code)
  const retryAfterMs = error.retryAfterMs ?? usualMs
  if (retryAfterMs !== undefined) c.header("Retry-After", String(Math.ceil(retryAfterMs / 1_000)))
  if (status === 401) c.header("WWW-Authenticate", challengeFor(error.code))
  c.header("Cache-Control", "no-store")
  const body = {
    type: "about:blank",
    title,
    status,
    code: error.code,
    detail: error.message,
    ...error.details,
    ...extra,
  }
  return c.body(JSON.stringify(body), status as ContentfulStatusCode, { "content-type": "application/problem+json" })
}

/** RFC 6750, section 3.1: a request without a key gets no error code. */
function challengeFor(code: ErrorCode): string {
  return `Bearer realm="claimcheck"${code === "unauthorized" ? "" : ', error="invalid_token"'}`
}
