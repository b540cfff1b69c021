import type { BatchTicket } from "../batches/batch-ticket.ts"
import type { Ticket as TicketData } from "../tickets/ticket.ts"
import { assertOptions } from "./assert-options.ts"
import { type Connection, type ConnectionOptions, createConnection, LIST_TRY_TIMEOUT_MS } from "./connection.ts"
import type { ReadResponse, Reply } from "./read-response.ts"
import { type RetryOptions, TicketPoll, type WaitOptions } from "./ticket-poll.ts"

/** Default page size, within the limits of the smallest platform (docs/decisions/0011-batches.md). */
const PAGE_ROWS = 5_000

export type ResultsOptions = {
  format?: "csv" | "tsv" | "jsonl" | undefined
  /** Rows after this one: 0, or `nextAfter` of the previous page. */
  after?: number | undefined
  /** Maximum number of rows. Default: 5,000. */
  limit?: number | undefined
  signal?: AbortSignal | undefined
}
const RESULTS_OPTIONS: Record<keyof ResultsOptions, true> = { format: true, after: true, limit: true, signal: true }

/** Rows as text. The header comes with `after: 0` only, so that pages can be concatenated. */
export type ResultPage = {
  body: Blob
  /** Number of the last row, from 1; `after` if no further row is done. */
  nextAfter: number
  /** Whether this was the last page. */
  isComplete: boolean
}

/** A row of the list with the results of its images. */
export type BatchRow = {
  /** From 1. */
  row: number
  /** Your columns, by name, as text; without those that the row lacks. */
  input: Record<string, string>
  /** Why the row was skipped. */
  error?: { code: string; message: string }
  /** One per image. */
  results: (Pick<TicketData, "image" | "predictions" | "unknown" | "scores" | "features" | "output" | "error"> & {
    url?: string
    status: "succeeded" | "failed" | "canceled"
  })[]
}

/** A batch. To resume after a restart, keep its id. */
export class Batch {
  readonly id: string
  readonly #connection: Connection
  readonly #path: string
  readonly #poll: TicketPoll<BatchTicket>

  /** A batch by its id. Sends no request. */
  static from(id: string, options: ConnectionOptions): Batch {
    return new Batch(createConnection(options), id)
  }

  /** Batches come from `submitBatch()` and `from()`. */
  constructor(connection: Connection, id: string, first?: Reply) {
    this.id = id
    this.#connection = connection
    this.#path = `/v1/batches/${encodeURIComponent(id)}`
    // Its ETag does not cover the rate, the time left and the notice.
    this.#poll = new TicketPoll(connection, this.#path, { isConditional: false })
    if (first !== undefined) this.#poll.remember(first)
  }

  /** The ticket as last seen. */
  get latest(): BatchTicket | undefined {
    return this.#poll.latest
  }

  /** Polls once. @throws ClaimcheckError not_found and others */
  refresh({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<BatchTicket> {
    return this.#poll.look({ signal })
  }

  /**
   * Polls until the batch is done and resolves to its ticket, also if it failed or was canceled: its rows have the errors.
   * @throws ClaimcheckError `timeout` and others; the signal's reason; TypeError for an unknown option
   */
  wait(options: WaitOptions<BatchTicket> = {}): Promise<BatchTicket> {
    return this.#poll.untilDone(options)
  }

  /** Cancels the rest; finished rows stay readable. @throws ClaimcheckError already_finished */
  cancel({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<BatchTicket> {
    return this.#poll.cancel(signal)
  }

  /**
   * Submits the rows with an image that failed or was canceled again, as a new batch; this one stays as it is.
   * @throws ClaimcheckError not_finished, already_finished, list_expired and others
   */
  async retry(options: RetryOptions = {}): Promise<Batch> {
    const reply = await this.#poll.retry(options)
    return new Batch(this.#connection, String(reply.body?.id), reply)
  }

  /**
   * Reads a page of finished rows, up to the first row that is not done. A page that is cut short is retried.
   * @throws ClaimcheckError not_found, list_expired and others; TypeError for an unknown option
   */
  async results(options: ResultsOptions = {}): Promise<ResultPage> {
    assertOptions(options, RESULTS_OPTIONS)
    const { format = "csv", after = 0, limit = PAGE_ROWS, signal } = options
    return this.#connection.request(`${this.#path}/results?format=${format}&after=${after}&limit=${limit}`, {
      headers: { accept: "*/*" },
      signal,
      read: readPage(format, after),
      tryTimeoutMs: LIST_TRY_TIMEOUT_MS,
    })
  }

  /**
   * Yields every row in order, each as soon as it and all before it are done, and ends with the last. To resume, pass the number of
   * the last row as `after`.
   * @throws ClaimcheckError as `results()` does
   */
  async *rows(options: Pick<ResultsOptions, "after" | "signal"> = {}): AsyncGenerator<BatchRow, void> {
    assertOptions(options, { after: true, signal: true })
    const { after = 0, signal } = options
    for (let seen = after, idle = 0; ; ) {
      const page = await this.results({ format: "jsonl", after: seen, signal })
      for (const line of (await page.body.text()).split("\n")) if (line !== "") yield JSON.parse(line) as BatchRow
      if (page.isComplete) return
      const rows = page.nextAfter - seen
      idle = rows > 0 ? 0 : idle + 1
      seen = page.nextAfter
      // A full page: there may be more.
      if (rows === PAGE_ROWS) continue
      const { done } = await this.refresh({ signal })
      if (!done || rows === 0) await this.#poll.wait(idle, { signal })
      signal?.throwIfAborted()
    }
  }
}

/** Null unless the page has as many rows as it announces: an HTTP/1.0 proxy turns a lost connection into an end. */
function readPage(format: string, after: number): ReadResponse<ResultPage> {
  return async (response) => {
    const nextAfter = Number(response.headers.get("next-after") ?? Number.NaN)
    if (!Number.isSafeInteger(nextAfter)) return null
    const body = await response.blob()
    const header = format !== "jsonl" && after === 0 ? 1 : 0
    if (countLines(await body.text(), { hasQuotes: format !== "jsonl" }) !== nextAfter - after + header) return null
    return { body, nextAfter, isComplete: response.headers.get("results-complete") === "true" }
  }
}

/** Counts complete lines, without line breaks in quotes. */
function countLines(text: string, { hasQuotes }: { hasQuotes: boolean }): number {
  const outside = hasQuotes ? text.split('"').filter((_part, i) => i % 2 === 0) : [text]
  return outside.reduce((sum, part) => sum + part.split("\n").length - 1, 0)
}
