import type { Ticket as TicketData } from "../tickets/ticket.ts"

/** An error response of the edge (RFC 9457). `rows` has the first hundred invalid rows of a list. */
export type Problem = {
  code?: string
  title?: string
  detail?: string
  /** Number of invalid rows. */
  invalid_rows?: number
  rows?: InvalidRow[]
  /** Names of a list's columns, if none was found to have the URLs: choose one as `urlColumn`. */
  columns?: string[]
}
/** `row` counts from 1, without the header; `value` has at most 100 characters. */
export type InvalidRow = { row: number; line: number; column: string; value: string; reason: string }

/** A retry of the same request may succeed. */
const PASSING: ReadonlySet<number | undefined> = new Set([408, 425, 429, 500, 502, 503, 504])
const OURS: ReadonlySet<string> = new Set(["network", "bad_response", "timeout"])

type Details = {
  status?: number | undefined
  retryAfterMs?: number | undefined
  problem?: Problem | undefined
  ticket?: TicketData | undefined
  cause?: unknown
}

/**
 * `code` is the server's problem code (`image_too_large`, `unknown_model`, …), the code of a failed job (`invalid_image`,
 * `deadline_exceeded`, `canceled`, …), `http_<status>` for an error response that is not a problem document, or one of the client's:
 *   network        the server cannot be reached
 *   bad_response   the response does not come from a claimcheck edge
 *   timeout        `timeoutMs` has passed; the job continues, and you can poll its ticket again
 */
export class ClaimcheckError extends Error {
  override readonly name = "ClaimcheckError"
  readonly code: string
  /** HTTP status, if a response caused the error. */
  readonly status: number | undefined
  /** `Retry-After` in milliseconds. */
  readonly retryAfterMs: number | undefined
  /** Body of the error response, if it is a JSON object. */
  readonly problem: Problem | undefined
  /** The ticket as last seen. */
  readonly ticket: TicketData | undefined

  constructor(code: string, message: string, { status, retryAfterMs, problem, ticket, cause }: Details = {}) {
    super(message, { cause })
    this.code = code
    this.status = status
    this.retryAfterMs = retryAfterMs
    this.problem = problem
    this.ticket = ticket
  }

  /** Whether a retry may succeed. If so, the request may have arrived already. */
  get isTransient(): boolean {
    return OURS.has(this.code) || PASSING.has(this.status)
  }

  /** The same error with its ticket. */
  about(ticket: TicketData | undefined): ClaimcheckError {
    return this.ticket !== undefined || ticket === undefined
      ? this
      : new ClaimcheckError(this.code, this.message, { ...this, cause: this.cause, ticket })
  }
}
