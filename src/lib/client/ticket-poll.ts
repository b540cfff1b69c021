import { fullJitterMs } from "../backoff.ts"
import { retryAfterMs } from "../retry-after.ts"
import { assertOptions } from "./assert-options.ts"
import { ClaimcheckError } from "./claimcheck-error.ts"
import { type Connection, ownSignal } from "./connection.ts"
import { type Reply, readObject } from "./read-response.ts"
import { newIdempotencyKey } from "./submit-options.ts"

/** Poll at least once a minute, whatever the hint. */
const MAX_HINT_MS = 60_000
/** A hint of 0 must not cause a busy loop. */
const MIN_HINT_MS = 10
/** Spreads clients that started together; early rather than late, since the edge holds early polls. */
export const HINT_JITTER = 0.05
/**
 * The edge holds a poll that is slightly early, instead of answering it twice (RFC 7240, 4.3). One second is the minimum of
 * `wait`: the edge answers at once if the result is further away.
 */
export const SHORT_WAIT = { prefer: "wait=1" }
export const SHORT_WAIT_MS = 1_000

export type WaitOptions<T> = {
  signal?: AbortSignal | undefined
  /** After this time the client polls once more and then throws `timeout`. 0: one poll. Default: none. */
  timeoutMs?: number | undefined
  /** Called with each changed ticket; for a batch, with each poll. */
  onUpdate?: ((ticket: T) => void) | undefined
}

export type RetryOptions = {
  signal?: AbortSignal | undefined
  /** The same key returns the same retry. Default: a new one. */
  idempotencyKey?: string | undefined
}

export const WAIT_OPTIONS: Record<keyof WaitOptions<unknown>, true> = { signal: true, timeoutMs: true, onUpdate: true }

/** @throws TypeError unless it is a number from 0 */
export function readTimeoutMs({ timeoutMs = Number.POSITIVE_INFINITY }: { timeoutMs?: number | undefined }): number {
  if (typeof timeoutMs === "number" && timeoutMs >= 0) return timeoutMs
  throw new TypeError("Cannot use timeoutMs: expected a number of milliseconds from 0")
}

type AnyTicket = { id: string; status: string; done: boolean; output?: { url: string } | undefined }

/** Checks only the fields that polling needs: a newer server may have others. */
export const readTicket = readObject(({ id, done }) => typeof id === "string" && typeof done === "boolean")

/** Polls the ticket of an image or a batch at the server's hints, until it is done. */
export class TicketPoll<T extends AnyTicket> {
  readonly #connection: Connection
  readonly #path: string
  readonly #isConditional: boolean
  #latest: T | undefined
  #etag: string | undefined
  /** Time of the next poll by the server's hint; undefined without one. */
  #dueMs: number | undefined

  /** @param isConditional sends If-None-Match: a 304 keeps the ticket, with fields that the ETag does not cover as they were */
  constructor(connection: Connection, path: string, { isConditional }: { isConditional: boolean }) {
    this.#connection = connection
    this.#path = path
    this.#isConditional = isConditional
  }

  get latest(): T | undefined {
    return this.#latest
  }

  async look({ signal, untilMs = Number.POSITIVE_INFINITY }: Look = {}): Promise<T> {
    const headers = {
      // A poll close to the end must not be held beyond it.
      ...(untilMs - this.#connection.now() >= SHORT_WAIT_MS && SHORT_WAIT),
      ...(this.#etag !== undefined && { "if-none-match": this.#etag }),
    }
    return this.remember(await this.#connection.request(this.#path, { headers, signal, untilMs, read: readTicket }))
  }

  async cancel(signal: AbortSignal | undefined): Promise<T> {
    return this.remember(await this.#connection.request(this.#path, { method: "DELETE", signal, read: readTicket }))
  }

  /** Submits it again. The reply is about a ticket of its own. */
  retry({ idempotencyKey = newIdempotencyKey(), signal }: RetryOptions): Promise<Reply> {
    const headers = { "idempotency-key": idempotencyKey }
    return this.#connection.request(`${this.#path}/retry`, { method: "POST", headers, signal, read: readTicket })
  }

  /** @throws ClaimcheckError `timeout`; TypeError for an unknown option */
  async untilDone(options: WaitOptions<T>): Promise<T> {
    assertOptions(options, WAIT_OPTIONS)
    const timeoutMs = readTimeoutMs(options)
    const { now } = this.#connection
    const signal = ownSignal(options.signal)
    const untilMs = now() + timeoutMs
    let ticket = this.#latest
    for (let attempt = 0; ticket?.done !== true; attempt++) {
      // The first poll of a resumed ticket is due at once.
      if (ticket !== undefined) await this.wait(attempt, { signal, untilMs })
      signal?.throwIfAborted()
      const startedMs = now()
      const seen: T = await this.look({ signal, untilMs })
      if (seen !== ticket) options.onUpdate?.(seen)
      ticket = seen
      // After a laptop has slept, the time may be over and the result ready: poll once more before giving up.
      if (!ticket.done && startedMs >= untilMs) throw timedOut(ticket)
    }
    return ticket
  }

  /** Waits until the next poll is due, or `untilMs`. */
  wait(attempt: number, { signal, untilMs = Number.POSITIVE_INFINITY }: Look): Promise<void> {
    const { now, sleep } = this.#connection
    return sleep(Math.min(this.#waitMs(attempt), Math.max(0, untilMs - now())), signal)
  }

  #waitMs(attempt: number): number {
    const { random, now } = this.#connection
    if (this.#dueMs === undefined) return fullJitterMs(attempt, {}, random)
    // A clock that was set back must not extend the wait beyond the longest hint.
    const leftMs = Math.min(Math.max(this.#dueMs - now(), MIN_HINT_MS), MAX_HINT_MS)
    return leftMs * (1 - random() * HINT_JITTER)
  }

  remember({ status, headers, body }: Reply): T {
    const { now } = this.#connection
    // A page of another origin can read only the body; a 304 has only headers.
    const hintMs = wholeMs(headers.get("poll-after-ms")) ?? wholeMs(body?.poll_after_ms) ?? retryAfterMs(headers, now())
    this.#dueMs = hintMs === null ? undefined : now() + Math.min(hintMs, MAX_HINT_MS)
    if (status !== 304) {
      this.#etag = (this.#isConditional && headers.get("etag")) || undefined
      this.#latest = withWholeUrl(body as unknown as T, this.#connection.base)
    }
    if (this.#latest === undefined)
      throw new ClaimcheckError("bad_response", "The response is not a ticket", { status })
    return this.#latest
  }
}

type Look = { signal?: AbortSignal | undefined; untilMs?: number }

/** The edge names its own outputs by their paths. */
function withWholeUrl<T extends AnyTicket>(ticket: T, base: string): T {
  const { output } = ticket
  return output?.url.startsWith("/") ? { ...ticket, output: { ...output, url: base + output.url } } : ticket
}

function wholeMs(value: unknown): number | null {
  const ms = typeof value === "string" && value.trim() !== "" ? Number(value) : value
  return typeof ms === "number" && Number.isFinite(ms) && ms >= 0 ? ms : null
}

function timedOut({ id, status }: AnyTicket): ClaimcheckError {
  const what = id.startsWith("bat_") ? "batch" : "ticket"
  return new ClaimcheckError(
    "timeout",
    `No answer in time: the ${what} is ${status}, goes on, and can be asked for again`,
  )
}
