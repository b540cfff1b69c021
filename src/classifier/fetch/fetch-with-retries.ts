import { AppError, type ErrorCode } from "../../lib/app-error.ts"
import { fullJitterMs } from "../../lib/backoff.ts"
import { imageTooLarge } from "../../lib/images/too-large.ts"
import { retryAfterMs } from "../../lib/retry-after.ts"
import type { GuardedFetch, GuardedFetchInit, GuardedResponse } from "./guarded/guarded-fetch.ts"
import { GuardedFetchError, isRefusal } from "./guarded/guarded-fetch-error.ts"
import type { HostGates } from "./host-gates.ts"

const MAX_REDIRECTS = 5
const MAX_TRIES = 4

export type FetchDeps = {
  fetch: GuardedFetch["fetch"]
  gates: HostGates
  /** Of one try, once there is room at its host. */
  tryTimeoutMs: number
  /** From the first try to the end of the last one. */
  deadlineMs: number
  now: () => number
  sleep: (ms: number, signal: AbortSignal) => Promise<void>
  random?: () => number
}

export type Asked = Pick<GuardedFetchInit, "headers" | "maxBytes" | "onTooLarge"> & {
  url: string
  /** Whatever else the host answers with is a failure. */
  statuses: readonly number[]
}

type Tried = { response: GuardedResponse } | (FetchFailure & { askedToWaitMs: number | null })

/**
 * What is behind a URL that a client named. Tries again what may be only for now, as late as the host asks, or with full jitter;
 * its host has room for others meanwhile.
 * @throws AppError url_refused, url_not_found, fetch_failed, fetch_timeout, image_too_large; the signal's reason
 */
export async function fetchWithRetries(deps: FetchDeps, asked: Asked, signal: AbortSignal): Promise<GuardedResponse> {
  const { gates, deadlineMs, now, sleep, random = Math.random } = deps
  const { origin } = new URL(asked.url)
  let endMs = Number.POSITIVE_INFINITY
  for (let tries = 1; ; tries++) {
    const tried = await gates.through(origin, signal, () => {
      // The wait for room is the host's other pictures' time, not this one's.
      if (tries === 1) endMs = now() + deadlineMs
      return tryOnce(deps, { ...asked, origin, leftMs: endMs - now() }, signal)
    })
    if ("response" in tried) return tried.response
    const waitMs = tried.askedToWaitMs ?? fullJitterMs(tries, { baseMs: 250, capMs: 10_000 }, random)
    if (!tried.mayRetry || tries === MAX_TRIES || now() + waitMs >= endMs) throw tried.error
    await sleep(waitMs, signal)
    signal.throwIfAborted()
  }
}

async function tryOnce(
  { fetch, tryTimeoutMs, now }: FetchDeps,
  { url, origin, leftMs, statuses, headers, ...limits }: Asked & { origin: string; leftMs: number },
  signal: AbortSignal,
): Promise<Tried> {
  try {
    const response = await fetch(url, {
      ...limits,
      // The caller's trace is not told: it is another host's affair.
      headers: { accept: "image/*", "user-agent": "claimcheck", ...headers },
      timeoutMs: Math.max(1, Math.min(tryTimeoutMs, leftMs)),
      maxRedirects: MAX_REDIRECTS,
      signal,
    })
    if (statuses.includes(response.status)) return { response }
    return { ...failureOfStatus(response.status, origin), askedToWaitMs: retryAfterMs(response.headers, now()) }
  } catch (error) {
    if (!(error instanceof GuardedFetchError)) throw error
    return { ...failureOfError(error, limits.maxBytes), askedToWaitMs: null }
  }
}

/** How a fetch failed: for the ticket, and whether another try may help. */
type FetchFailure = { error: AppError; mayRetry: boolean }

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

/** Messages of the guarded fetch are fit for the caller. */
function failureOfError(cause: GuardedFetchError, maxBytes: number): FetchFailure {
  if (cause.code === "too_large") return { error: imageTooLarge(maxBytes), mayRetry: false }
  const [code, mayRetry] = isRefusal(cause.code) ? (["url_refused", false] as const) : CODES[cause.code]
  return { error: new AppError(code, cause.message, { cause }), mayRetry }
}

/** Of an answer that has no picture. */
function failureOfStatus(status: number, origin: string): FetchFailure {
  const isGone = status === 404 || status === 410
  const message = `Cannot fetch the image: ${origin} answered ${status}`
  const mayRetry = status === 408 || status === 429 || (status >= 500 && status !== 501)
  return { error: new AppError(isGone ? "url_not_found" : "fetch_failed", message), mayRetry }
}
