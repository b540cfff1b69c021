import { setTimeout as delay } from "node:timers/promises"
import { fullJitterMs } from "../../src/lib/backoff.ts"
import { type Ticket, ticketSchema } from "../../src/lib/tickets/ticket.ts"
import type { Caller } from "./workload.ts"

export type Call = {
  method: "GET" | "POST" | "DELETE"
  path: string
  caller: Caller
  headers?: Record<string, string>
  body?: Uint8Array<ArrayBuffer>
}
export type Answer = {
  status: number
  code: string | null
  ticket: Ticket | null
  text: string
  etag: string | null
  pollAfterMs: number | null
}

const TIMEOUT_MS = 10_000

/** A patient client: it repeats a call, with backoff, until there is an answer that a repetition would not change. */
export class EdgeClient {
  /** How many answers of each status there were; 0 counts connections that broke. */
  readonly statuses: Record<number, number> = {}
  readonly #url: string
  readonly #deadline: AbortSignal
  readonly #onServerError: (what: string) => void

  constructor(
    url: string,
    { deadline, onServerError }: { deadline: AbortSignal; onServerError: (what: string) => void },
  ) {
    this.#url = url
    this.#deadline = deadline
    this.#onServerError = onServerError
  }

  /** @throws once the deadline is over */
  async call(call: Call): Promise<Answer> {
    for (let attempt = 0; ; attempt++) {
      this.#deadline.throwIfAborted()
      const answer = await this.#once(call)
      const status = answer?.response.status ?? 0
      this.statuses[status] = (this.statuses[status] ?? 0) + 1
      if (status >= 500 && status !== 503) this.#onServerError(`${call.method} ${call.path}: ${status} ${answer?.text}`)
      if (answer !== null && status < 500 && status !== 429) return readAnswer(call, answer)
      const retryAfterMs = Number(answer?.response.headers.get("retry-after") ?? 0) * 1_000
      await delay(retryAfterMs + fullJitterMs(attempt, { baseMs: 100, capMs: 2_000 }), undefined, {
        signal: this.#deadline,
      })
    }
  }

  async #once({ method, path, caller, headers, body }: Call): Promise<{ response: Response; text: string } | null> {
    try {
      const response = await fetch(this.#url + path, {
        method,
        headers: { ...headers, ...(caller.token !== null && { authorization: `Bearer ${caller.token}` }) },
        ...(body !== undefined && { body }),
        signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), this.#deadline]),
      })
      return { response, text: await response.text() }
    } catch {
      // The edge was killed, or is away: to a client that is one more reason to ask again.
      return null
    }
  }
}

function readAnswer({ path }: Call, { response, text }: { response: Response; text: string }): Answer {
  const { status, headers } = response
  const isOk = status === 200 || status === 202
  const isTicket = isOk && path.startsWith("/v1/classifications")
  const pollAfter = headers.get("poll-after-ms")
  return {
    status,
    code: isOk || status === 304 ? null : String(JSON.parse(text).code),
    ticket: isTicket ? ticketSchema.parse(JSON.parse(text)) : null,
    text,
    etag: headers.get("etag"),
    pollAfterMs: pollAfter === null ? null : Number(pollAfter),
  }
}
