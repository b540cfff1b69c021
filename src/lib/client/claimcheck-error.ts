import type { Ticket } from "../tickets/ticket.ts"

/** A refusal as the edge sends it (RFC 9457). A list that is refused for its rows (`invalid_rows`) names the first hundred of them. */
export type Problem = {
  code?: string
  title?: string
  detail?: string
  /** How many rows cannot be taken. */
  invalid_rows?: number
  rows?: InvalidRow[]
}
/** `row` counts from 1, without the header; `value` is cut to 100 characters. */
export type InvalidRow = { row: number; line: number; column: string; value: string; reason: string }

/** Busy, broken for a moment, or in the way: the same request may do better later. */
const PASSING: ReadonlySet<number | undefined> = new Set([408, 425, 429, 500, 502, 503, 504])
const OURS: ReadonlySet<string> = new Set(["network", "bad_response", "timeout"])

type Details = {
  status?: number | undefined
  retryAfterMs?: number | undefined
  problem?: Problem | undefined
  ticket?: Ticket | undefined
  cause?: unknown
}

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
  /** The refusal as the server sent it, where it was one of ours. */
  readonly problem: Problem | undefined
  /** The ticket as last seen, where there is one. */
  readonly ticket: Ticket | undefined

  constructor(code: string, message: string, { status, retryAfterMs, problem, ticket, cause }: Details = {}) {
    super(message, { cause })
    this.code = code
    this.status = status
    this.retryAfterMs = retryAfterMs
    this.problem = problem
    this.ticket = ticket
  }

  /** Whether asking again may do better; until then it is not known whether the request has arrived. */
  get isTransient(): boolean {
    return OURS.has(this.code) || PASSING.has(this.status)
  }

  /** The same error with the ticket that it is about. */
  about(ticket: Ticket | undefined): ClaimcheckError {
    return this.ticket !== undefined || ticket === undefined
      ? this
      : new ClaimcheckError(this.code, this.message, { ...this, cause: this.cause, ticket })
  }
}
