import type { Ticket as TicketData } from "../tickets/ticket.ts"
import { assertOptions } from "./assert-options.ts"
import type { Connection } from "./connection.ts"
import { readObject } from "./read-response.ts"

export type JobsOptions = {
  /** `dead`: used up its attempts, and can be retried. Default: all of them. */
  state?: "queued" | "processing" | "dead" | undefined
  /** Jobs of this model, or `@resize` for an operation without one. */
  model?: string | undefined
  /** Jobs that were created at least this many milliseconds ago. */
  olderThanMs?: number | undefined
  signal?: AbortSignal | undefined
}
export type CancelJobsOptions = JobsOptions & { state: "queued" | "processing" }

const JOBS_OPTIONS: Record<keyof JobsOptions, true> = { state: true, model: true, olderThanMs: true, signal: true }

type Page = { tickets?: TicketData[]; canceled?: number }

/** The pages of a list of jobs. */
export async function* jobPages(
  connection: Connection,
  { path, method }: { path: string; method: "GET" | "POST" },
  options: JobsOptions,
): AsyncGenerator<Page, void> {
  assertOptions(options, JOBS_OPTIONS)
  const { state, model, olderThanMs, signal } = options
  const query = new URLSearchParams()
  const named = { state, model, older_than_ms: olderThanMs }
  for (const [name, value] of Object.entries(named)) if (value !== undefined) query.set(name, String(value))
  for (;;) {
    const read = readObject(({ cursor }) => cursor === null || typeof cursor === "string")
    const { body } = await connection.request(query.size === 0 ? path : `${path}?${query}`, { method, signal, read })
    yield body as Page
    if (typeof body?.cursor !== "string") return
    query.set("cursor", body.cursor)
  }
}
