import { fullJitterMs } from "../backoff.ts"
import { retryAfterMs } from "../retry-after.ts"
import { assertOptions } from "./assert-options.ts"
import { ClaimcheckError } from "./claimcheck-error.ts"
import { type Connection, ownSignal } from "./connection.ts"
import { type Reply, readObject } from "./read-response.ts"

/** However far off the server thinks the answer is, a look a minute is not too much. */
const MAX_HINT_MS = 60_000
/** However near: a hint of nothing must not make a busy loop. */
const MIN_HINT_MS = 10
/** Clients that came together must not come back together; rather early than late, since the edge holds who is early. */
export const HINT_JITTER = 0.05
/**
 * Who comes a little early waits at the edge instead of coming twice (RFC 7240, 4.3). One second, the least that can be
 * said: an edge that knows the wait to be longer answers at once.
 */
export const SHORT_WAIT = { prefer: "wait=1" }
export const SHORT_WAIT_MS = 1_000

export type WaitOptions<T> = {
  signal?: AbortSignal | undefined
  /** After so long the ticket is looked at once more, and then given up with the code `timeout`. 0: one look. Default: no end. */
  timeoutMs?: number | undefined
  /** Called whenever the ticket was seen to have changed. */
  onUpdate?: ((ticket: T) => void) | undefined
}

export const WAIT_OPTIONS: Record<keyof WaitOptions<unknown>, true> = { signal: true, timeoutMs: true, onUpdate: true }

/** @throws TypeError for what is no number from 0 */
export function readTimeoutMs({ timeoutMs = Number.POSITIVE_INFINITY }: { timeoutMs?: number | undefined }): number {
  if (typeof timeoutMs === "number" && timeoutMs >= 0) return timeoutMs
  throw new TypeError("Cannot use timeoutMs: expected a number of milliseconds from 0")
}

type AnyTicket = { id: string; status: string; done: boolean; output?: { url: string } | undefined }

/** What the loop needs; whatever else a ticket says may be newer than this client. */
export const readTicket = readObject(({ id, done }) => typeof id === "string" && typeof done === "boolean")

/** A ticket of one picture, or of a batch: looked at when the server says so, until it is done. */
export class TicketPoll<T extends AnyTicket> {
  readonly #connection: Connection
  readonly #path: string
  readonly #isConditional: boolean
  #latest: T | undefined
  #etag: string | undefined
  /** When the server thinks that the next look is worth it; undefined when it has not said. */
  #dueMs: number | undefined

  /** @param isConditional an unchanged ticket may be answered with 304, which leaves its hints in the body as they were */
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
      // A look that would be held beyond the end is answered at once.
      ...(untilMs - this.#connection.now() >= SHORT_WAIT_MS && SHORT_WAIT),
      ...(this.#etag !== undefined && { "if-none-match": this.#etag }),
    }
    return this.remember(await this.#connection.request(this.#path, { headers, signal, untilMs, read: readTicket }))
  }

  async cancel(signal: AbortSignal | undefined): Promise<T> {
    return this.remember(await this.#connection.request(this.#path, { method: "DELETE", signal, read: readTicket }))
  }

  /** @throws ClaimcheckError `timeout`; TypeError for an option that there is not */
  async untilDone(options: WaitOptions<T>): Promise<T> {
    assertOptions(options, WAIT_OPTIONS)
    const timeoutMs = readTimeoutMs(options)
    const { now } = this.#connection
    const signal = ownSignal(options.signal)
    const untilMs = now() + timeoutMs
    let ticket = this.#latest
    for (let attempt = 0; ticket?.done !== true; attempt++) {
      // The first look of a resumed ticket is due at once.
      if (ticket !== undefined) await this.wait(attempt, { signal, untilMs })
      signal?.throwIfAborted()
      const startedMs = now()
      const seen: T = await this.look({ signal, untilMs })
      if (seen !== ticket) options.onUpdate?.(seen)
      ticket = seen
      // After a laptop has slept, time may be over while the answer is there: hence a look after the end, before the verdict.
      if (!ticket.done && startedMs >= untilMs) throw timedOut(ticket)
    }
    return ticket
  }

  /** Until the next look is due, or `untilMs`. */
  wait(attempt: number, { signal, untilMs = Number.POSITIVE_INFINITY }: Look): Promise<void> {
    const { now, sleep } = this.#connection
    return sleep(Math.min(this.#waitMs(attempt), Math.max(0, untilMs - now())), signal)
  }

  #waitMs(attempt: number): number {
    const { random, now } = this.#connection
    if (this.#dueMs === undefined) return fullJitterMs(attempt, {}, random)
    // A clock that was set back must not make the wait longer than the longest hint.
    const leftMs = Math.min(Math.max(this.#dueMs - now(), MIN_HINT_MS), MAX_HINT_MS)
    return leftMs * (1 - random() * HINT_JITTER)
  }

  remember({ status, headers, body }: Reply): T {
    const { now } = this.#connection
    // A page of another origin may see the body alone; a 304 has only its headers.
    const hintMs = wholeMs(headers.get("poll-after-ms")) ?? wholeMs(body?.poll_after_ms) ?? retryAfterMs(headers, now())
    this.#dueMs = hintMs === null ? undefined : now() + Math.min(hintMs, MAX_HINT_MS)
    if (status !== 304) {
      this.#etag = (this.#isConditional && headers.get("etag")) || undefined
      this.#latest = withWholeUrl(body as unknown as T, this.#connection.base)
    }
    if (this.#latest === undefined) throw new ClaimcheckError("bad_response", "The answer is not a ticket", { status })
    return this.#latest
  }
}

type Look = { signal?: AbortSignal | undefined; untilMs?: number }

/** The edge names an output of its own by its path: whoever has the ticket wants to fetch it. */
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
