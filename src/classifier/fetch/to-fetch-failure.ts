import { AppError, type ErrorCode } from "../../lib/app-error.ts"
import { imageTooLarge } from "../../lib/images/too-large.ts"
import { type GuardedFetchError, isRefusal } from "./guarded/guarded-fetch-error.ts"

/** How a fetch failed: for the ticket, and whether another try may help. */
export type FetchFailure = { error: AppError; mayRetry: boolean }

const CODES = {
  dns_failed: ["fetch_failed", true],
  connect_failed: ["fetch_failed", true],
  tls_failed: ["fetch_failed", false],
  connection_lost: ["fetch_failed", true],
  bad_response: ["fetch_failed", false],
  too_many_redirects: ["fetch_failed", false],
  // It has had its time, and held a place at its host all the while.
  timeout: ["fetch_timeout", false],
  closed: ["fetch_failed", false],
} as const satisfies Record<string, [code: ErrorCode, mayRetry: boolean]>

/** Messages of the guarded fetch are fit for who named the URL. */
export function failureOfError(cause: GuardedFetchError, maxBytes: number): FetchFailure {
  if (cause.code === "too_large") return { error: imageTooLarge(maxBytes), mayRetry: false }
  const [code, mayRetry] = isRefusal(cause.code) ? (["url_refused", false] as const) : CODES[cause.code]
  return { error: new AppError(code, cause.message, { cause }), mayRetry }
}

/** Of an answer that has no picture. */
export function failureOfStatus(status: number, origin: string): FetchFailure {
  const isGone = status === 404 || status === 410
  const message = `Cannot fetch the image: ${origin} answered ${status}`
  const mayRetry = status === 408 || status === 429 || (status >= 500 && status !== 501)
  return { error: new AppError(isGone ? "url_not_found" : "fetch_failed", message), mayRetry }
}
