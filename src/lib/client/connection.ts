import { fullJitterMs } from "../backoff.ts"
import { sleep as realSleep } from "../sleep.ts"
import { assertOptions } from "./assert-options.ts"
import { ClaimcheckError } from "./claimcheck-error.ts"
import { type ReadResponse, readRefusal } from "./read-response.ts"

/** Time-out of one try; a picture of 8 MB on a slow line needs a while. */
const TRY_TIMEOUT_MS = 60_000
/** A list of 32 MB, or a page of its results, on such a line. */
export const LIST_TRY_TIMEOUT_MS = 300_000
/** With full jitter up to 10 s between them, this rides out an outage of about two minutes. */
const RETRIES = 23
/** A server that wants to be left alone for longer gets its wish: whether to wait so long is for the caller to say. */
const MAX_RETRY_AFTER_MS = 120_000
/** When time is up, the answer may be there all the same, and a laptop that wakes up needs a moment to find its network. */
const LAST_LOOK_MS = 5_000
export type ConnectionOptions = {
  /** Address of the edge; in a page, a path of its own server may do. */
  url: string | URL
  /** API key. */
  key?: string | undefined
  /** How long one request may take before it counts as lost, in milliseconds. Default: a minute; for lists and files, five. */
  tryTimeoutMs?: number
  /**
   * How often a request is sent again that was lost, or refused for now (408, 425, 429, 5xx), with full jitter up to 10 s between
   * tries, and never before `Retry-After`. Default: 23, which takes about two minutes. 0 for never. An address where nobody
   * has answered yet and nobody listens is not tried again.
   */
  retries?: number
  /** For tests, and for who needs a proxy. */
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

export type RequestOptions<T> = {
  method?: string
  headers?: Record<string, string>
  body?: BodyInit
  signal?: AbortSignal | undefined
  /** Anything but what was asked for comes from a proxy or a stranger, or is cut short, and is asked for again. */
  read: ReadResponse<T>
  /** No try starts after it, but for a last look; by the connection's clock. */
  untilMs?: number
  /** Default of `tryTimeoutMs`, where what is sent or fetched is large. */
  tryTimeoutMs?: number
}

export type Connection = ReturnType<typeof createConnection>

/**
 * Requests to one edge. What is sent must be safe to repeat: every request is, until an answer comes that will not change.
 * @throws TypeError for an address, a key or an option that cannot be used
 */
export function createConnection(options: ConnectionOptions) {
  if (typeof options !== "object" || options === null) {
    throw new TypeError('Cannot make a client: pass an object with its url, { url: "http://localhost:8787" }')
  }
  assertOptions(options, CONNECTION_OPTIONS)
  const { fetch: send = fetch, sleep = realSleep, random = Math.random, now = Date.now, retries = RETRIES } = options
  if (!(retries >= 0)) throw new TypeError("Cannot use retries: expected a number from 0")
  const base = readBase(options.url)
  const authorization = options.key ? `Bearer ${readKey(options.key)}` : null

  /** Whether somebody has answered: an edge that is restarted refuses connections for a moment, too. */
  let hasAnswered = false

  /** @throws ClaimcheckError for a final refusal or too many failures in a row; the signal's reason when it is aborted */
  async function request<T>(path: string, asked: RequestOptions<T>): Promise<T> {
    const { untilMs = Number.POSITIVE_INFINITY } = asked
    const signal = ownSignal(asked.signal)
    signal?.throwIfAborted()
    let lastLookEndMs: number | undefined
    for (let attempt = 0; ; attempt++) {
      const startedMs = now()
      // The clock may have jumped while we waited: at least one try starts after the end.
      if (startedMs >= untilMs) lastLookEndMs ??= startedMs + LAST_LOOK_MS
      const outcome = await tryOnce(path, { ...asked, signal }, Math.max(LAST_LOOK_MS, untilMs - startedMs))
      if (!(outcome instanceof ClaimcheckError)) return outcome
      const { isTransient, retryAfterMs = 0 } = outcome
      if (!isTransient || retryAfterMs > MAX_RETRY_AFTER_MS || attempt >= retries) throw outcome
      if (!hasAnswered && isNobodyThere(outcome.cause)) throw outcome
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
    // A bucket's link is whole, and brings its own proof.
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
      return answer ?? new ClaimcheckError("bad_response", "The answer is not from a claimcheck edge", { status })
    } catch (cause) {
      signal?.throwIfAborted()
      const why = isNobodyThere(cause) ? ": nobody listens there" : ""
      return new ClaimcheckError("network", `Cannot reach ${isOurs ? base : new URL(path).origin}${why}`, { cause })
    } finally {
      clearTimeout(timer)
    }
  }

  return { base, request, sleep, random, now }
}

/** Node warns of a leak when a dozen waits listen to one signal of the caller's. */
export function ownSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  return signal && AbortSignal.any([signal])
}

const NOBODY_THERE = /ECONNREFUSED|ENOTFOUND|ConnectionRefused|connection refused|failed to lookup address/i

/** A refused connection or a host that is not there, as Node, Bun and Deno tell it. A browser does not. */
function isNobodyThere(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false
  const inner = cause instanceof AggregateError ? cause.errors : [cause.cause]
  return NOBODY_THERE.test(`${(cause as { code?: unknown }).code} ${cause.message}`) || inner.some(isNobodyThere)
}

/** A wrong address fails like a lost connection, so it would be tried for minutes: better said at once. */
function readBase(url: string | URL): string {
  const base = String(url).replace(/\/+$/, "")
  const isOfPage = "location" in globalThis && /^(\/|$)/.test(base)
  if (isOfPage || (/^https?:\/\//i.test(base) && URL.canParse(base))) return base
  throw new TypeError("Cannot use url: expected http://host or https://host")
}

/** `Headers` would say the same with the key in its message. */
function readKey(key: string): string {
  if (/^[\x21-\x7e]+$/.test(key)) return key
  throw new TypeError("Cannot use key: an API key has neither white space nor control characters")
}
