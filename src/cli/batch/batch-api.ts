import { setTimeout as delay } from "node:timers/promises"
import * as z from "zod"
import { fullJitterMs } from "../../lib/backoff.ts"
import { type BatchTicket, batchTicketSchema } from "../../lib/batches/batch-ticket.ts"
import { strangerAnswered } from "../../lib/client/connection.ts"
import { retryAfterMs } from "../../lib/retry-after.ts"
import { ApiError, checkUrl, parseBody, refusalText } from "../api.ts"
import { CliError } from "../cli-error.ts"
import type { EdgeAddress } from "../edge-options.ts"
import { parseJson } from "../parse-json.ts"
import { unreachable } from "../unreachable.ts"

const TRY_TIMEOUT_MS = 120_000
/** With full jitter up to 10 s between them, this rides out an outage of minutes. */
const MAX_TRIES = 40
/** Answers that another try may change. */
export const PASSING: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])

const problemSchema = z.looseObject({
  code: z.string().optional(),
  title: z.string().optional(),
  detail: z.string().optional(),
  invalid_rows: z.number().optional(),
  rows: z
    .array(z.object({ row: z.number(), line: z.number(), column: z.string(), value: z.string(), reason: z.string() }))
    .optional(),
})
export type BadRow = NonNullable<z.infer<typeof problemSchema>["rows"]>[number]

/** The list was refused for its rows. */
export class BadRowsError extends ApiError {
  readonly rows: BadRow[]
  readonly count: number

  constructor(message: string, { rows, count }: { rows: BadRow[]; count: number }) {
    super(message, { status: 400, code: "invalid_rows" })
    this.rows = rows
    this.count = count
  }
}

export type ResultPage = { text: string; nextAfter: number; isComplete: boolean }
export type BatchApi = ReturnType<typeof createBatchApi>

/** Batches of one edge. Everything asked is safe to repeat, and is until an answer comes that will not change. */
export function createBatchApi({ url, key }: EdgeAddress, signal: AbortSignal, fetchNow: typeof fetch = fetch) {
  const base = checkUrl(url)
  const authorization: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {}

  /** @throws ApiError for a refusal, CliError for no answer; the signal's reason when it is aborted */
  async function ask(
    path: string,
    init: RequestInit = {},
    maxTries = MAX_TRIES,
  ): Promise<{ response: Response; text: string }> {
    for (let attempt = 0; ; attempt++) {
      let failure: CliError
      let waitMs = 0
      try {
        const within = AbortSignal.any([signal, AbortSignal.timeout(TRY_TIMEOUT_MS)])
        const headers = { ...authorization, ...(init.headers as Record<string, string> | undefined) }
        const response = await fetchNow(base + path, { ...init, headers, signal: within })
        const text = await response.text()
        if (response.ok) return { response, text }
        failure = refusalOf(response, text)
        waitMs = retryAfterMs(response.headers, Date.now()) ?? 0
        if (!PASSING.has(response.status)) throw failure
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof CliError) throw error
        failure = unreachable(base, error)
      }
      if (attempt + 1 >= maxTries) throw failure
      await delay(Math.max(waitMs, fullJitterMs(attempt)), undefined, { signal })
    }
  }

  return {
    /** The first try tells whether anybody is there: who forgot `npm start` should hear it at once. */
    async isThere(): Promise<void> {
      parseBody(z.looseObject({ status: z.string() }), parseJson((await ask("/healthz", {}, 1)).text))
    },

    async submit(
      list: Uint8Array<ArrayBuffer>,
      options: { contentType: string; query: URLSearchParams; idempotencyKey: string },
    ): Promise<BatchTicket> {
      const headers = { "content-type": options.contentType, "idempotency-key": options.idempotencyKey }
      const { text } = await ask(`/v1/batches?${options.query}`, { method: "POST", headers, body: list })
      return parseBody(batchTicketSchema, parseJson(text))
    },

    async read(id: string): Promise<BatchTicket> {
      return parseBody(batchTicketSchema, parseJson((await ask(`/v1/batches/${id}`)).text))
    },

    async cancel(id: string): Promise<BatchTicket> {
      return parseBody(batchTicketSchema, parseJson((await ask(`/v1/batches/${id}`, { method: "DELETE" })).text))
    },

    async results(id: string, query: { format: string; after: number; limit: number }): Promise<ResultPage> {
      const params = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))
      const { response, text } = await ask(`/v1/batches/${id}/results?${params}`)
      const nextAfter = Number(response.headers.get("next-after") ?? Number.NaN)
      if (!Number.isSafeInteger(nextAfter))
        throw new CliError("Cannot understand the answer: it does not say where to go on")
      return { text, nextAfter, isComplete: response.headers.get("results-complete") === "true" }
    },
  }
}

function refusalOf(response: Response, text: string): ApiError {
  const problem = problemSchema.safeParse(parseJson(text)).data ?? {}
  const { code, title, detail, rows, invalid_rows: count } = problem
  const said = detail ?? title ?? strangerAnswered(response.status)
  const message = refusalText(said, code)
  if (rows !== undefined && count !== undefined) return new BadRowsError(message, { rows, count })
  return new ApiError(message, { status: response.status, code })
}
