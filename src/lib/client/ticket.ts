import { fullJitterMs } from "../backoff.ts"
import { retryAfterMs } from "../retry-after.ts"
import type { Ticket as TicketData } from "../tickets/ticket.ts"
import { assertOptions } from "./assert-options.ts"
import { ClaimcheckError } from "./claimcheck-error.ts"
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  ownSignal,
  type Reply,
  type RequestOptions,
} from "./connection.ts"

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

export type ResultOptions = {
  signal?: AbortSignal | undefined
  /** After so long the ticket is looked at once more, and then given up with the code `timeout`. 0: one look. Default: no end. */
  timeoutMs?: number | undefined
  /** Called whenever the ticket was seen to have changed. */
  onUpdate?: ((ticket: TicketData) => void) | undefined
}

export const RESULT_OPTIONS: Record<keyof ResultOptions, true> = { signal: true, timeoutMs: true, onUpdate: true }

/** @throws TypeError for what is no number from 0 */
export function readTimeoutMs({ timeoutMs = Number.POSITIVE_INFINITY }: ResultOptions): number {
  if (typeof timeoutMs === "number" && timeoutMs >= 0) return timeoutMs
  throw new TypeError("Cannot use timeoutMs: expected a number of milliseconds from 0")
}

/** A ticket that can be asked for, now or after a restart: its id is all that needs to be kept. */
export class Ticket {
  readonly id: string
  readonly #connection: Connection
  #latest: TicketData | undefined
  #etag: string | undefined
  /** When the server thinks that the next look is worth it; undefined when it has not said. */
  #dueMs: number | undefined

  /** The ticket of a submit before a restart. Nothing is asked yet. */
  static from(id: string, options: ConnectionOptions): Ticket {
    return new Ticket(createConnection(options), id)
  }

  /** Tickets come from `submit()` and `from()`. */
  constructor(connection: Connection, id: string, first?: Reply) {
    this.#connection = connection
    this.id = id
    if (first !== undefined) this.#remember(first)
  }

  /** The ticket as last seen. */
  get latest(): TicketData | undefined {
    return this.#latest
  }

  /** Looks once. Costs the server little when nothing has changed. @throws ClaimcheckError not_found and others */
  refresh({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<TicketData> {
    return this.#look({ signal })
  }

  /**
   * Waits until the ticket is done and returns it with its predictions.
   * @throws ClaimcheckError with the job's code when it failed or was canceled, `timeout`, or why the server cannot be asked;
   *         the signal's reason when it is aborted; TypeError for an option that there is not
   */
  async result(options: ResultOptions = {}): Promise<TicketData> {
    assertOptions(options, RESULT_OPTIONS)
    const { onUpdate } = options
    const timeoutMs = readTimeoutMs(options)
    const { sleep, now } = this.#connection
    const signal = ownSignal(options.signal)
    const untilMs = now() + timeoutMs
    let ticket = this.#latest
    for (let attempt = 0; ticket?.done !== true; attempt++) {
      // The first look of a resumed ticket is due at once.
      if (ticket !== undefined) await sleep(Math.min(this.#waitMs(attempt), Math.max(0, untilMs - now())), signal)
      signal?.throwIfAborted()
      const startedMs = now()
      const seen: TicketData = await this.#look({ signal, untilMs })
      if (seen !== ticket) onUpdate?.(seen)
      ticket = seen
      // After a laptop has slept, time may be over while the answer is there: hence a look after the end, before the verdict.
      if (!ticket.done && startedMs >= untilMs) throw timedOut(ticket)
    }
    return succeeded(ticket)
  }

  /** Cancels what has not finished. @throws ClaimcheckError already_finished */
  async cancel({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<TicketData> {
    return this.#remember(
      await this.#connection.request(this.#path, { method: "DELETE", signal, isExpected: isTicket }),
    )
  }

  async #look(options: Pick<RequestOptions, "signal" | "untilMs">): Promise<TicketData> {
    const { untilMs = Number.POSITIVE_INFINITY } = options
    const headers = {
      // A look that would be held beyond the end is answered at once.
      ...(untilMs - this.#connection.now() >= SHORT_WAIT_MS && SHORT_WAIT),
      ...(this.#etag !== undefined && { "if-none-match": this.#etag }),
    }
    try {
      return this.#remember(await this.#connection.request(this.#path, { headers, isExpected: isTicket, ...options }))
    } catch (error) {
      if (!(error instanceof ClaimcheckError) || this.#latest === undefined) throw error
      const { code, message, status, retryAfterMs, cause } = error
      throw new ClaimcheckError(code, message, { status, retryAfterMs, cause, ticket: this.#latest })
    }
  }

  #waitMs(attempt: number): number {
    const { random, now } = this.#connection
    if (this.#dueMs === undefined) return fullJitterMs(attempt, {}, random)
    // A clock that was set back must not make the wait longer than the longest hint.
    const leftMs = Math.min(Math.max(this.#dueMs - now(), MIN_HINT_MS), MAX_HINT_MS)
    return leftMs * (1 - random() * HINT_JITTER)
  }

  #remember({ status, headers, body }: Reply): TicketData {
    const { now } = this.#connection
    // A page of another origin may see the body alone; a 304 has only its headers.
    const hintMs = wholeMs(headers.get("poll-after-ms")) ?? wholeMs(body?.poll_after_ms) ?? retryAfterMs(headers, now())
    this.#dueMs = hintMs === null ? undefined : now() + Math.min(hintMs, MAX_HINT_MS)
    if (status !== 304) {
      this.#etag = headers.get("etag") ?? undefined
      this.#latest = withWholeUrl(body as TicketData, this.#connection.base)
    }
    if (this.#latest === undefined) throw new ClaimcheckError("bad_response", "The answer is not a ticket", { status })
    return this.#latest
  }

  get #path(): string {
    return `/v1/classifications/${encodeURIComponent(this.id)}`
  }
}

/** The edge names an output of its own by its path: whoever has the ticket wants to fetch it. */
function withWholeUrl(ticket: TicketData, base: string): TicketData {
  const { output } = ticket
  return output?.url.startsWith("/") ? { ...ticket, output: { ...output, url: base + output.url } } : ticket
}

/** What the loop stands on; whatever else a ticket says may be newer than this client. */
export function isTicket(body: Record<string, unknown>): boolean {
  return typeof body.id === "string" && typeof body.done === "boolean"
}

function wholeMs(value: unknown): number | null {
  const ms = typeof value === "string" && value.trim() !== "" ? Number(value) : value
  return typeof ms === "number" && Number.isFinite(ms) && ms >= 0 ? ms : null
}

function succeeded(ticket: TicketData): TicketData {
  if (ticket.status === "succeeded") return ticket
  const { code, message } = ticket.error ?? { code: ticket.status, message: `The ticket is ${ticket.status}` }
  throw new ClaimcheckError(code, message, { ticket })
}

function timedOut(ticket: TicketData): ClaimcheckError {
  const message = `No answer in time: the ticket is ${ticket.status}, goes on, and can be asked for again`
  return new ClaimcheckError("timeout", message, { ticket })
}
