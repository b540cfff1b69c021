import { fullJitterMs } from "../backoff.ts"
import { sleep as realSleep } from "../sleep.ts"
import { assertOptions } from "./assert-options.ts"
import { ClaimcheckError } from "./claimcheck-error.ts"
import { type ReadResponse, readRefusal } from "./read-response.ts"

/** Time-out of one try: enough for an image of 8 MB on a slow line. */
const TRY_TIMEOUT_MS = 60_000
/** Enough for a list of 32 MB, or a page of its results. */
export const LIST_TRY_TIMEOUT_MS = 300_000
/** With full jitter of at most 10 s between tries, enough for an outage of about two minutes. */
const RETRIES = 23
/** Beyond this, the caller decides whether to wait: the error has `retryAfterMs`. */
const MAX_RETRY_AFTER_MS = 120_000
/** After the time-out the response may be ready, and a laptop that wakes up needs a moment to reconnect. */
const LAST_LOOK_MS = 5_000
export type ConnectionOptions = {
  /** URL of the edge; in a page, a path on its own server such as `/`. */
  url: string | URL
  /** API key. */
  key?: string | undefined
  /** Time after which one request counts as lost, in milliseconds. Default: 60,000; for lists, results and outputs 300,000. */
  tryTimeoutMs?: number
  /**
   * How often a request is retried when it is lost or gets 408, 425, 429, 500, 502, 503 or 504, with full jitter of at most 10 s
   * between tries, and never before `Retry-After`. Default: 23, which takes about two minutes. 0 for never. A refused connection to
   * an address that has never answered is not retried.
   */
  retries?: number
  /** For a proxy, and for tests. */
  fetch?: typeof fetch
  sleep?: (ms: number, signal?: AbortSignal) => Promise<void>
  random?: () => number
  now?: () => number
}

const CONNECTION_OPTIONS: Record<keyof ConnectionOptions, true> = {
  url: true,
  key: true,
  tryTimeoutMs: true,
  retries: true,
  fetch: true,
  sleep: true,
  random: true,
  now: true,
}

/** What a request sends. Not `BodyInit`: outside the DOM's types there is none. */
export type Body = string | Blob | ArrayBuffer | Uint8Array<ArrayBuffer>

export type RequestOptions<T> = {
  method?: string
  headers?: Record<string, string>
  body?: Body
  signal?: AbortSignal | undefined
  /** Returns null for a response that is cut short or not from an edge, which is retried. */
  read: ReadResponse<T>
  /** No try starts after this time, except one last look; by the connection's clock. */
  untilMs?: number
  /** Default of the connection's `tryTimeoutMs` for this request, if its body or response is large. */
  tryTimeoutMs?: number
}

export type Connection = Required<Pick<ConnectionOptions, "sleep" | "random" | "now">> & {
  base: string
  request: <T>(path: string, asked: RequestOptions<T>) => Promise<T>
}

/**
 * Requests to one edge, and the only retry loop of the client, the CLI and the page. Every request must be safe to repeat: it is
 * retried until a response is final.
 * @throws TypeError for an invalid URL, key or option
 */
export function createConnection(options: ConnectionOptions): Connection {
  if (typeof options !== "object" || options === null) {
    throw new TypeError('Cannot make a client: pass an object with its url, { url: "http://localhost:8787" }')
  }
  assertOptions(options, CONNECTION_OPTIONS)
  const { fetch: send = fetch, sleep = realSleep, random = Math.random, now = Date.now, retries = RETRIES } = options
  if (!(retries >= 0)) throw new TypeError("Cannot use retries: expected a number from 0")
  const base = readBase(options.url)
  const authorization = options.key ? `Bearer ${readKey(options.key)}` : null

  /** An edge that restarts refuses connections for a moment: once it has answered, a refused connection is retried. */
  let hasAnswered = false

  /** @throws ClaimcheckError for a final error response or too many failures in a row; the signal's reason if it is aborted */
  async function request<T>(path: string, asked: RequestOptions<T>): Promise<T> {
    const { untilMs = Number.POSITIVE_INFINITY } = asked
    const signal = ownSignal(asked.signal)
    signal?.throwIfAborted()
    let lastLookEndMs: number | undefined
    for (let attempt = 0; ; attempt++) {
      const startedMs = now()
      // The clock may have jumped during the wait: at least one try starts after the end.
      if (startedMs >= untilMs) lastLookEndMs ??= startedMs + LAST_LOOK_MS
      const outcome = await tryOnce(path, { ...asked, signal }, Math.max(LAST_LOOK_MS, untilMs - startedMs))
      if (!(outcome instanceof ClaimcheckError)) return outcome
      const { isTransient, retryAfterMs = 0 } = outcome
      if (!isTransient || retryAfterMs > MAX_RETRY_AFTER_MS || attempt >= retries) throw outcome
      if (!hasAnswered && whyUnreachable(outcome.cause) !== null) throw outcome
      const waitMs = Math.max(retryAfterMs, fullJitterMs(attempt, {}, random))
      const endMs = lastLookEndMs ?? untilMs
      if (lastLookEndMs !== undefined && now() + waitMs >= endMs) throw outcome
      await sleep(Math.min(waitMs, Math.max(0, endMs - now())), signal)
      signal?.throwIfAborted()
    }
  }

  async function tryOnce<T>(path: string, asked: RequestOptions<T>, leftMs: number): Promise<T | ClaimcheckError> {
    const { method = "GET", body, signal, tryTimeoutMs = TRY_TIMEOUT_MS } = asked
    const headers = new Headers({ accept: "application/json", ...asked.headers })
    // A presigned URL of a bucket is absolute and needs no key.
    const isOurs = path.startsWith("/")
    if (authorization !== null && isOurs) headers.set("authorization", authorization)
    // Not AbortSignal.timeout(): its timer would keep a Deno process from ending for a minute after the answer.
    const timeout = new AbortController()
    const lost = () => timeout.abort(new DOMException("The request took too long", "TimeoutError"))
    const timer = setTimeout(lost, Math.min(options.tryTimeoutMs ?? tryTimeoutMs, leftMs))
    try {
      const response = await send(isOurs ? base + path : path, {
        method,
        headers,
        ...(body !== undefined && { body }),
        signal: signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal,
      })
      hasAnswered = true
      const { status } = response
      if (!response.ok && status !== 304) return await readRefusal(response, now())
      const answer = await asked.read(response)
      return answer ?? new ClaimcheckError("bad_response", "The response is not from a claimcheck edge", { status })
    } catch (cause) {
      signal?.throwIfAborted()
      const why = whyUnreachable(cause)
      const message = `Cannot reach ${isOurs ? base : new URL(path).origin}`
      return new ClaimcheckError("network", why === null ? message : `${message}: ${why}`, { cause })
    } finally {
      clearTimeout(timer)
    }
  }

  return { base, request, sleep, random, now }
}

/** Node warns of a leak when more than ten listeners share the caller's signal. */
export function ownSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  return signal && AbortSignal.any([signal])
}

/** A refused connection and an unknown host, as Node, Bun and Deno report them. Browsers do not. */
const UNREACHABLE = [
  ["nobody listens there", /ECONNREFUSED|ConnectionRefused|connection refused/i],
  ["its host name does not resolve", /ENOTFOUND|failed to lookup address/i],
] as const

function whyUnreachable(cause: unknown): string | null {
  if (!(cause instanceof Error)) return null
  const text = `${(cause as { code?: unknown }).code} ${cause.message}`
  const [why] = UNREACHABLE.find(([, words]) => words.test(text)) ?? []
  if (why !== undefined) return why
  const inner = cause instanceof AggregateError ? cause.errors : [cause.cause]
  return inner.map(whyUnreachable).find((reason) => reason !== null) ?? null
}

/** An invalid URL would fail like a lost connection and be retried for minutes. */
function readBase(url: string | URL): string {
  const base = String(url).replace(/\/+$/, "")
  const isOfPage = "location" in globalThis && /^(\/|$)/.test(base)
  if (isOfPage || (/^https?:\/\//i.test(base) && URL.canParse(base))) return base
  throw new TypeError("Cannot use url: expected http://host or https://host")
}

/** `Headers` would throw an error with the key in its message. */
function readKey(key: string): string {
  if (/^[\x21-\x7e]+$/.test(key)) return key
  throw new TypeError("Cannot use key: an API key has neither white space nor control characters")
}
