import type { ResultPage } from "../../lib/client/claimcheck.ts"

/** All rows that are done by now, page by page: parts of one CSV, which the browser keeps out of memory when they are large. */
export async function fetchResults(
  pageAfter: (row: number) => Promise<ResultPage>,
  onRows: (rows: number) => void,
): Promise<Blob[]> {
  const parts: Blob[] = []
  for (let after = 0; ; ) {
    const page = await pageAfter(after)
    parts.push(page.body)
    const rows = page.nextAfter - after
    after = page.nextAfter
    onRows(after)
    if (page.isComplete || rows === 0) return parts
  }
}
