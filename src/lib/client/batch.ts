import type { BatchTicket } from "../batches/batch-ticket.ts"
import type { Ticket } from "../tickets/ticket.ts"
import { assertOptions } from "./assert-options.ts"
import { type Connection, type ConnectionOptions, createConnection, LIST_TRY_TIMEOUT_MS } from "./connection.ts"
import type { ReadResponse, Reply } from "./read-response.ts"
import { TicketPoll, type WaitOptions } from "./ticket-poll.ts"

/** Rows asked for at once, unless said: within what one request may do on the smallest platform (docs/decisions/0011-batches.md). */
const PAGE_ROWS = 5_000

export type ResultsOptions = {
  format?: "csv" | "tsv" | "jsonl" | undefined
  /** The number of the row before the first: 0, or the `nextAfter` of the page before. */
  after?: number | undefined
  /** How many rows at most: 5,000 unless said. */
  limit?: number | undefined
  signal?: AbortSignal | undefined
}
const RESULTS_OPTIONS: Record<keyof ResultsOptions, true> = { format: true, after: true, limit: true, signal: true }

/** Rows as text. The names of the columns come with `after: 0` only, so that pages can be put one behind the other. */
export type ResultPage = {
  body: Blob
  /** The number of the last row, counted from 1; `after` when there is none yet. */
  nextAfter: number
  /** Whether there will be no more rows. */
  isComplete: boolean
}

/** A row of the list with what became of its pictures. */
export type BatchRow = {
  /** From 1. */
  row: number
  /** Your columns, by name. */
  input: Record<string, unknown>
  /** Why the row could not be taken. */
  error?: { code: string; message: string }
  /** One a picture. */
  results: (Pick<Ticket, "image" | "predictions" | "scores" | "output" | "error"> & {
    url?: string
    status: "succeeded" | "failed" | "canceled"
  })[]
}

/** A batch that can be asked for, now or after a restart: its id is all that needs to be kept. */
export class Batch {
  readonly id: string
  readonly #connection: Connection
  readonly #path: string
  readonly #poll: TicketPoll<BatchTicket>

  /** The batch of a submit before a restart. Nothing is asked yet. */
  static from(id: string, options: ConnectionOptions): Batch {
    return new Batch(createConnection(options), id)
  }

  /** Batches come from `submitBatch()` and `from()`. */
  constructor(connection: Connection, id: string, first?: Reply) {
    this.id = id
    this.#connection = connection
    this.#path = `/v1/batches/${encodeURIComponent(id)}`
    // Its ETag leaves out what moves by itself: the rate, the time left, and the notice that nobody works on it.
    this.#poll = new TicketPoll(connection, this.#path, { isConditional: false })
    if (first !== undefined) this.#poll.remember(first)
  }

  /** The ticket as last seen. */
  get latest(): BatchTicket | undefined {
    return this.#poll.latest
  }

  /** Looks once. @throws ClaimcheckError not_found and others */
  refresh({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<BatchTicket> {
    return this.#poll.look({ signal })
  }

  /**
   * Waits until the batch is done, whatever its status: what failed is in its rows.
   * @throws ClaimcheckError `timeout`, or why the server cannot be asked; the signal's reason when it is aborted;
   *         TypeError for an option that there is not
   */
  wait(options: WaitOptions<BatchTicket> = {}): Promise<BatchTicket> {
    return this.#poll.untilDone(options)
  }

  /** Cancels what is left; what is done can be read. @throws ClaimcheckError already_finished */
  cancel({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<BatchTicket> {
    return this.#poll.cancel(signal)
  }

  /**
   * Rows that are done, as long as all before them are, as they stand in a file.
   * @throws ClaimcheckError not_found, list_expired and others; TypeError for an option that there is not
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
   * Every row of the list in its order, each as soon as it and all before it are done. It ends with the last row; who breaks off
   * goes on with `after`, the number of the last row that was seen.
   * @throws ClaimcheckError as `results()` does
   */
  async *rows({ after = 0, signal }: Pick<ResultsOptions, "after" | "signal"> = {}): AsyncGenerator<BatchRow, void> {
    for (let seen = after, idle = 0; ; ) {
      const page = await this.results({ format: "jsonl", after: seen, signal })
      for (const line of (await page.body.text()).split("\n")) if (line !== "") yield JSON.parse(line) as BatchRow
      if (page.isComplete) return
      const rows = page.nextAfter - seen
      idle = rows > 0 ? 0 : idle + 1
      seen = page.nextAfter
      // There may be more by now.
      if (rows === PAGE_ROWS) continue
      const { done } = await this.refresh({ signal })
      if (!done || rows === 0) await this.#poll.wait(idle, { signal })
      signal?.throwIfAborted()
    }
  }
}

/** A page that says where to go on and has as many rows as it says: a connection that a proxy closes looks like an end. */
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

/** Those that end, but for line breaks in quotes. */
function countLines(text: string, { hasQuotes }: { hasQuotes: boolean }): number {
  const outside = hasQuotes ? text.split('"').filter((_part, i) => i % 2 === 0) : [text]
  return outside.reduce((sum, part) => sum + part.split("\n").length - 1, 0)
}
