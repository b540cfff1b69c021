import { sleep as realSleep } from "../lib/sleep.ts"
import { type Answer, ApiError, type CallApi, parseBody } from "./api.ts"
import { CliError } from "./cli-error.ts"
import { nextPollMs, retryAfterMs } from "./next-poll.ts"
import { type Ticket, ticketSchema } from "./wire.ts"

export type AwaitOptions = {
  signal: AbortSignal
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>
  random?: () => number
  now?: () => number
  timeoutMs?: number
}

/** Trouble on the way does not mean that the ticket is lost: so many polls in a row may fail. */
const MAX_FAILED_POLLS = 6

/**
 * Polls a ticket until it is done, at the pace the server names, and with full-jitter exponential backoff where it names
 * none. Throws when the ticket is unknown, when the edge stays away, or when `timeoutMs` has passed.
 */
export async function awaitTicket(call: CallApi, first: Answer, options: AwaitOptions): Promise<Ticket> {
  const { signal, sleep = realSleep, random = Math.random, now = Date.now, timeoutMs = 600_000 } = options
  const deadlineMs = now() + timeoutMs
  let ticket = parseBody(ticketSchema, first)
  let hintMs = hintOf(first.headers, ticket)
  let failures = 0
  for (let attempt = 0; !ticket.done; attempt++) {
    const waitMs = nextPollMs({ attempt, hintMs, random })
    if (now() + waitMs > deadlineMs) {
      throw new CliError(`Gave up on ${ticket.id} after ${Math.round(timeoutMs / 1000)} s: it is ${ticket.status}`)
    }
    await sleep(waitMs, signal)
    signal.throwIfAborted()
    try {
      const answer = await call(`/v1/classifications/${encodeURIComponent(ticket.id)}`, { signal })
      ticket = parseBody(ticketSchema, answer)
      hintMs = hintOf(answer.headers, ticket)
      failures = 0
    } catch (error) {
      if (signal.aborted || !mayPass(error) || ++failures >= MAX_FAILED_POLLS) throw error
      hintMs = error instanceof ApiError ? retryAfterMs(error.headers, now()) : null
    }
  }
  return ticket
}

/** Busy, broken for a moment, or not reachable; anything else will be the same next time. */
export function mayPass(error: unknown): boolean {
  if (error instanceof ApiError) return error.status === 429 || error.status >= 500
  return error instanceof CliError && error.code !== undefined
}

function hintOf(headers: Headers, ticket: Ticket): number | null {
  const header = headers.get("poll-after-ms")
  const hintMs = header === null ? ticket.poll_after_ms : Number(header)
  return typeof hintMs === "number" && Number.isFinite(hintMs) && hintMs >= 0 ? hintMs : null
}
