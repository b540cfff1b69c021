import type { BatchApi } from "./batch-api.ts"

/** Rows asked for at once: within what one request may do on the smallest platform (docs/decisions/0011-batches.md). */
const PAGE_ROWS = 5_000

export type FetchResults = { signal: AbortSignal; onRows: (rows: number) => void }

/** All rows that are done by now, page by page: parts of one CSV, which the browser keeps out of memory when they are large. */
export async function fetchResults(
  api: Pick<BatchApi, "results">,
  id: string,
  { signal, onRows }: FetchResults,
): Promise<Blob[]> {
  const parts: Blob[] = []
  for (let after = 0; ; ) {
    const page = await api.results(id, { after, limit: PAGE_ROWS, signal })
    parts.push(page.body)
    const rows = page.nextAfter - after
    after = page.nextAfter
    onRows(after)
    if (page.isComplete || rows === 0) return parts
  }
}
