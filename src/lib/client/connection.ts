import { fullJitterMs } from "../backoff.ts"
import { retryAfterMs } from "../retry-after.ts"
import { sleep as realSleep } from "../sleep.ts"
import { ClaimcheckError } from "./claimcheck-error.ts"

/** Time-out of one try; a picture of 8 MB on a slow line needs a while. */
const TRY_TIMEOUT_MS = 60_000
/** With full jitter up to 10 s between them, this rides out an outage of about two minutes. */
const MAX_TRIES = 24
/** Busy, broken for a moment, or in the way: the same request may do better later. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504])

export type ConnectionOptions = {
  /** Address of the edge. */
  url: string | URL
  /** API key. */
  key?: string | undefined
  /** For tests, and for who needs a proxy. */
  fetch?: typeof fetch
  sleep?: (ms: number, signal?: AbortSignal) => Promise<void>
  random?: () => number
  now?: () => number
}

export type Reply = { status: number; headers: Headers; body: unknown }
export type Connection = ReturnType<typeof createConnection>

/** Requests to one edge. What is sent must be safe to repeat: every request is, until an answer comes that will not change. */
export function createConnection(options: ConnectionOptions) {
  const { fetch: send = fetch, sleep = realSleep, random = Math.random, now = Date.now } = options
  const base = String(options.url).replace(/\/+$/, "")

  /** @throws ClaimcheckError for a final refusal or too many failures in a row; the signal's reason when it is aborted */
  async function request(path: string, init: RequestInit & { signal?: AbortSignal } = {}): Promise<Reply> {
    for (let attempt = 0; ; attempt++) {
      const outcome = await tryOnce(path, init)
      if (!(outcome instanceof ClaimcheckError)) return outcome
      const mayPass = outcome.status === undefined || PASSING.has(outcome.status) || outcome.code === "bad_response"
      if (!mayPass || attempt + 1 >= MAX_TRIES) throw outcome
      await sleep(Math.max(outcome.retryAfterMs ?? 0, fullJitterMs(attempt, {}, random)), init.signal)
      init.signal?.throwIfAborted()
    }
  }

  async function tryOnce(path: string, init: RequestInit & { signal?: AbortSignal }): Promise<Reply | ClaimcheckError> {
    const headers = new Headers(init.headers)
    headers.set("accept", "application/json")
    if (options.key) headers.set("authorization", `Bearer ${options.key}`)
    const timeout = AbortSignal.timeout(TRY_TIMEOUT_MS)
    const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout
    try {
      const response = await send(base + path, { ...init, headers, signal })
      return await read(response, now())
    } catch (cause) {
      init.signal?.throwIfAborted()
      return new ClaimcheckError("network", `Cannot reach ${base}`, { cause })
    }
  }

  return { request, sleep, random, now }
}

async function read(response: Response, nowMs: number): Promise<Reply | ClaimcheckError> {
  const { status, headers } = response
  if (status === 304) return { status, headers, body: null }
  const text = await response.text()
  const body = parseObject(text)
  if (response.ok && body !== null) return { status, headers, body }
  if (response.ok) return new ClaimcheckError("bad_response", "The answer is not from a claimcheck edge", { status })
  const code = typeof body?.code === "string" ? body.code : `http_${status}`
  const message = typeof body?.detail === "string" ? body.detail : `The server answered ${status}`
  return new ClaimcheckError(code, message, { status, retryAfterMs: retryAfterMs(headers, nowMs) ?? undefined })
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null // cut short, or a page of some proxy: the caller tries again
  }
}
