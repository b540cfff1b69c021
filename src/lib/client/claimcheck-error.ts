import type { Ticket } from "../tickets/ticket.ts"

/**
 * Why there is no answer. `code` is the problem's code as the server names it (`image_too_large`, `unknown_model`, …), the code of
 * a job that failed (`invalid_image`, `deadline_exceeded`, `canceled`, …), or one of ours:
 *   network        the server could not be reached
 *   bad_response   what answered is not a claimcheck edge
 *   timeout        `timeoutMs` is over; the ticket goes on and can be asked for again
 */
export class ClaimcheckError extends Error {
  override readonly name = "ClaimcheckError"
  readonly code: string
  /** HTTP status, where a response was the reason. */
  readonly status: number | undefined
  /** When the server said that it is worth trying again, in milliseconds. */
  readonly retryAfterMs: number | undefined
  /** The ticket as last seen, where there is one. */
  readonly ticket: Ticket | undefined

  constructor(
    code: string,
    message: string,
    details: {
      status?: number | undefined
      retryAfterMs?: number | undefined
      ticket?: Ticket | undefined
      cause?: unknown
    } = {},
  ) {
    super(message, { cause: details.cause })
    this.code = code
    this.status = details.status
    this.retryAfterMs = details.retryAfterMs
    this.ticket = details.ticket
  }
}
