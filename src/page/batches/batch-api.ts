import { fullJitterMs } from "../../lib/backoff.ts"
import type { BatchTicket } from "../../lib/batches/batch-ticket.ts"
import { ClaimcheckError } from "../../lib/client/claimcheck.ts"
import { retryAfterMs } from "../../lib/retry-after.ts"
import { sleep } from "../../lib/sleep.ts"
import type { Edge } from "../edge.ts"
import type { BadRow, Batch } from "./batch.ts"

/** With full jitter up to 10 s between them, this rides out an outage of about two minutes. */
const MAX_TRIES = 24
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504])
const DEFAULT_POLL_MS = 1_000

/** The list was refused for its rows. */
export class BadRowsError extends ClaimcheckError {
  readonly badRows: { count: number; rows: BadRow[] }

  constructor(message: string, badRows: { count: number; rows: BadRow[] }) {
    super("invalid_rows", message, { status: 400 })
    this.badRows = badRows
  }
}

type Problem = { code?: string; detail?: string; invalid_rows?: number; rows?: BadRow[] }
export type ResultPage = { body: Blob; nextAfter: number; isComplete: boolean }
export type BatchApi = ReturnType<typeof createBatchApi>

/** Batches of the edge. Everything asked is safe to repeat, and is until an answer comes that will not change. */
export function createBatchApi(edge: Edge) {
  /** @throws ClaimcheckError for a refusal or too many failures in a row; the signal's reason when it is aborted */
  async function ask(path: string, init: RequestInit & { signal: AbortSignal }): Promise<Response> {
    for (let attempt = 0; ; attempt++) {
      let failure: ClaimcheckError
      try {
        const response = await edge.send(path, { cache: "no-store", ...init })
        if (response.ok) return response
        failure = await refusalOf(response)
        if (!PASSING.has(response.status)) throw failure
      } catch (cause) {
        init.signal.throwIfAborted()
        if (cause instanceof ClaimcheckError) throw cause
        failure = new ClaimcheckError("network", "Cannot reach the server", { cause })
      }
      if (attempt + 1 >= MAX_TRIES) throw failure
      await sleep(Math.max(failure.retryAfterMs ?? 0, fullJitterMs(attempt)), init.signal)
      init.signal.throwIfAborted()
    }
  }

  async function askTicket(path: string, init: RequestInit & { signal: AbortSignal }): Promise<BatchTicket> {
    const ticket = (await (await ask(path, init)).json()) as BatchTicket
    if (typeof ticket.id !== "string") throw new ClaimcheckError("bad_response", "The response is not a ticket")
    return ticket
  }

  return {
    submit(batch: Batch & { file: Blob }, idempotencyKey: string, options: Submit): Promise<BatchTicket> {
      const query = new URLSearchParams({ operation: batch.operation, ...batch.options })
      if (batch.operation === "classify" && batch.model !== "") query.set("model", batch.model)
      if (options.skipsInvalid) query.set("on_invalid", "skip")
      return askTicket(`/v1/batches?${query}`, {
        method: "POST",
        headers: { "content-type": batch.contentType, "idempotency-key": idempotencyKey },
        body: batch.file,
        signal: options.signal,
      })
    },

    read: (id: string, signal: AbortSignal) => askTicket(`/v1/batches/${id}`, { signal }),

    cancel: (id: string, signal: AbortSignal) => askTicket(`/v1/batches/${id}`, { method: "DELETE", signal }),

    /** Rows behind the row `after`; the names of the columns come with the first. */
    async results(id: string, { after, limit, signal }: Results): Promise<ResultPage> {
      const response = await ask(`/v1/batches/${id}/results?format=csv&after=${after}&limit=${limit}`, { signal })
      const nextAfter = Number(response.headers.get("next-after") ?? Number.NaN)
      if (!Number.isSafeInteger(nextAfter))
        throw new ClaimcheckError("bad_response", "The response is not a page of rows")
      return { body: await response.blob(), nextAfter, isComplete: response.headers.get("results-complete") === "true" }
    },
  }
}

type Submit = { skipsInvalid: boolean; signal: AbortSignal }
type Results = { after: number; limit: number; signal: AbortSignal }

export function pollAfterMs({ poll_after_ms = DEFAULT_POLL_MS }: BatchTicket): number {
  return poll_after_ms
}

async function refusalOf(response: Response): Promise<ClaimcheckError> {
  const { status, headers } = response
  // A proxy answers with a page of its own.
  const problem = ((await response.json().catch(() => null)) ?? {}) as Problem
  const { code = `http_${status}`, detail = `The server responded with ${status}`, invalid_rows: count, rows } = problem
  if (rows !== undefined && count !== undefined) return new BadRowsError(detail, { count, rows })
  return new ClaimcheckError(code, detail, { status, retryAfterMs: retryAfterMs(headers, Date.now()) ?? undefined })
}
