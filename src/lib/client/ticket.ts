import type { Ticket as TicketData } from "../tickets/ticket.ts"
import { ClaimcheckError } from "./claimcheck-error.ts"
import { type Connection, type ConnectionOptions, createConnection } from "./connection.ts"
import type { Reply } from "./read-response.ts"
import { type RetryOptions, TicketPoll, type WaitOptions } from "./ticket-poll.ts"

export type ResultOptions = WaitOptions<TicketData>

/** The ticket of one image. To resume after a restart, keep its id. */
export class Ticket {
  readonly id: string
  readonly #connection: Connection
  readonly #poll: TicketPoll<TicketData>

  /** A ticket by its id. Sends no request. */
  static from(id: string, options: ConnectionOptions): Ticket {
    return new Ticket(createConnection(options), id)
  }

  /** Tickets come from `submit()` and `from()`. */
  constructor(connection: Connection, id: string, first?: Reply) {
    this.id = id
    this.#connection = connection
    const path = `/v1/classifications/${encodeURIComponent(id)}`
    this.#poll = new TicketPoll(connection, path, { isConditional: true })
    if (first !== undefined) this.#poll.remember(first)
  }

  /** The ticket as last seen. */
  get latest(): TicketData | undefined {
    return this.#poll.latest
  }

  /** Polls once; an unchanged ticket is a 304. @throws ClaimcheckError not_found and others */
  refresh({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<TicketData> {
    return this.#withTicket(this.#poll.look({ signal }))
  }

  /**
   * Polls until the ticket is done and resolves to it, with its predictions.
   * @throws ClaimcheckError with the job's code if it failed or was canceled, `timeout` and others; the signal's reason; TypeError
   *         for an unknown option
   */
  async result(options: ResultOptions = {}): Promise<TicketData> {
    return succeeded(await this.#withTicket(this.#poll.untilDone(options)))
  }

  /** Cancels the job unless it is done. @throws ClaimcheckError already_finished */
  cancel({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<TicketData> {
    return this.#poll.cancel(signal)
  }

  /**
   * Submits what has failed or was canceled again, as a new ticket; this one stays as it is.
   * @throws ClaimcheckError not_finished, already_finished, payload_expired and others
   */
  async retry(options: RetryOptions = {}): Promise<Ticket> {
    const reply = await this.#poll.retry(options)
    return new Ticket(this.#connection, String(reply.body?.id), reply)
  }

  async #withTicket(asked: Promise<TicketData>): Promise<TicketData> {
    try {
      return await asked
    } catch (error) {
      throw error instanceof ClaimcheckError ? error.about(this.latest) : error
    }
  }
}

function succeeded(ticket: TicketData): TicketData {
  if (ticket.status === "succeeded") return ticket
  const { code, message } = ticket.error ?? { code: ticket.status, message: `The ticket is ${ticket.status}` }
  throw new ClaimcheckError(code, message, { ticket })
}
