import { fullJitterMs } from "../backoff.ts"
import type { Ticket as TicketData } from "../ticket.ts"
import { ClaimcheckError } from "./claimcheck-error.ts"
import { type Connection, type ConnectionOptions, createConnection, type Reply } from "./connection.ts"

/** However far off the server thinks the answer is, a look a minute is not too much. */
const MAX_HINT_MS = 60_000
/** Clients that came together must not come back together. */
const HINT_JITTER = 0.1

export type ResultOptions = {
  signal?: AbortSignal
  /** After so long the ticket is looked at once more, and then given up with the code `timeout`. Default: no end. */
  timeoutMs?: number
  /** Called whenever the ticket was seen in a new state or at a new place. */
  onUpdate?: (ticket: TicketData) => void
}

/** A ticket that can be asked for, now or after a restart: its id is all that needs to be kept. */
export class Ticket {
  readonly id: string
  readonly #connection: Connection
  #latest: TicketData | undefined
  #etag: string | undefined
  #hintMs: number | undefined

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
  async refresh({ signal }: { signal?: AbortSignal } = {}): Promise<TicketData> {
    const headers: HeadersInit = this.#etag === undefined ? {} : { "if-none-match": this.#etag }
    const reply = await this.#connection.request(this.#path, { headers, ...(signal && { signal }) })
    this.#remember(reply)
    if (this.#latest === undefined) throw new ClaimcheckError("bad_response", "The answer is not a ticket")
    return this.#latest
  }

  /**
   * Waits until the ticket is done and returns it with its predictions.
   * @throws ClaimcheckError with the job's code when it failed or was canceled, `timeout`, or why the server cannot be asked;
   *         the signal's reason when it is aborted
   */
  async result({ signal, timeoutMs = Number.POSITIVE_INFINITY, onUpdate }: ResultOptions = {}): Promise<TicketData> {
    const { sleep, random, now } = this.#connection
    const endMs = now() + timeoutMs
    let ticket = this.#latest
    for (let attempt = 0; ticket?.done !== true; attempt++) {
      const hintMs = this.#hintMs
      const waitMs = hintMs === undefined ? fullJitterMs(attempt, {}, random) : hintMs * (1 + random() * HINT_JITTER)
      // The first look of a resumed ticket is due at once.
      if (ticket !== undefined) await sleep(Math.min(waitMs, Math.max(0, endMs - now())), signal)
      signal?.throwIfAborted()
      const seen = await this.refresh(signal ? { signal } : {})
      if (seen !== ticket) onUpdate?.(seen)
      ticket = seen
      // After a laptop has slept, time may be over while the answer is there: hence the look before the verdict.
      if (!ticket.done && now() >= endMs) {
        const message = `No answer within ${timeoutMs} ms; the ticket is ${ticket.status} and can be asked for again`
        throw new ClaimcheckError("timeout", message, { ticket })
      }
    }
    return succeeded(ticket)
  }

  /** Cancels what has not finished. @throws ClaimcheckError already_finished */
  async cancel({ signal }: { signal?: AbortSignal } = {}): Promise<TicketData> {
    this.#remember(await this.#connection.request(this.#path, { method: "DELETE", ...(signal && { signal }) }))
    return this.#latest as TicketData
  }

  get #path(): string {
    return `/v1/classifications/${encodeURIComponent(this.id)}`
  }

  #remember({ status, headers, body }: Reply): void {
    const hint = Number(headers.get("poll-after-ms") ?? Number.NaN)
    this.#hintMs = Number.isFinite(hint) && hint >= 0 ? Math.min(hint, MAX_HINT_MS) : undefined
    if (status === 304) return
    this.#etag = headers.get("etag") ?? undefined
    this.#latest = body as TicketData
  }
}

function succeeded(ticket: TicketData): TicketData {
  if (ticket.status === "succeeded") return ticket
  const { code, message } = ticket.error ?? { code: ticket.status, message: `The ticket is ${ticket.status}` }
  throw new ClaimcheckError(code, message, { ticket })
}
