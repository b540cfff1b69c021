import type { Ticket as TicketData } from "../tickets/ticket.ts"
import { ClaimcheckError } from "./claimcheck-error.ts"
import { type Connection, type ConnectionOptions, createConnection } from "./connection.ts"
import type { Reply } from "./read-response.ts"
import { TicketPoll, type WaitOptions } from "./ticket-poll.ts"

export type ResultOptions = WaitOptions<TicketData>

/** A ticket that can be asked for, now or after a restart: its id is all that needs to be kept. */
export class Ticket {
  readonly id: string
  readonly #poll: TicketPoll<TicketData>

  /** The ticket of a submit before a restart. Nothing is asked yet. */
  static from(id: string, options: ConnectionOptions): Ticket {
    return new Ticket(createConnection(options), id)
  }

  /** Tickets come from `submit()` and `from()`. */
  constructor(connection: Connection, id: string, first?: Reply) {
    this.id = id
    const path = `/v1/classifications/${encodeURIComponent(id)}`
    this.#poll = new TicketPoll(connection, path, { isConditional: true })
    if (first !== undefined) this.#poll.remember(first)
  }

  /** The ticket as last seen. */
  get latest(): TicketData | undefined {
    return this.#poll.latest
  }

  /** Looks once. Costs the server little when nothing has changed. @throws ClaimcheckError not_found and others */
  refresh({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<TicketData> {
    return this.#withTicket(this.#poll.look({ signal }))
  }

  /**
   * Waits until the ticket is done and returns it with its predictions.
   * @throws ClaimcheckError with the job's code when it failed or was canceled, `timeout`, or why the server cannot be asked;
   *         the signal's reason when it is aborted; TypeError for an option that there is not
   */
  async result(options: ResultOptions = {}): Promise<TicketData> {
    return succeeded(await this.#withTicket(this.#poll.untilDone(options)))
  }

  /** Cancels what has not finished. @throws ClaimcheckError already_finished */
  cancel({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<TicketData> {
    return this.#poll.cancel(signal)
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
