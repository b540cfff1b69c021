import type { Batch } from "../../../lib/batches/batch.ts"
import type { InputRow } from "../list/input-row.ts"
import { keepLastChunk, type ResultRow, type ResultStore, readResultRows } from "./result-rows.ts"

/** The rows of a batch that is done of which a picture did not succeed, as their sender wrote them, a chunk of the list at a time. */
export async function* readFailedRows(results: ResultStore, batch: Batch): AsyncGenerator<InputRow[]> {
  const { plan } = batch
  const store = keepLastChunk(results)
  /** By picture: a row may name one that an earlier chunk has the URL of. */
  const urls: string[] = []
  for (const [index, [firstRow]] of plan.chunks.entries()) {
    for (const url of (await store.getChunk(plan.listId, index)).urls) urls.push(url)
    const until = plan.chunks[index + 1]?.[0] ?? plan.rows
    const page: InputRow[] = []
    for await (const row of readResultRows(store, batch, { after: firstRow, until })) {
      if (hasFailed(row)) page.push(toInputRow(row, urls))
    }
    yield page
  }
}

/** A row that could not be taken cannot be taken again. */
function hasFailed({ row, pictures }: ResultRow): boolean {
  return row.problem === undefined && pictures.some(({ status }) => status !== "succeeded")
}

function toInputRow({ number, row }: ResultRow, urls: readonly string[]): InputRow {
  const { cells, pictures, separator = "," } = row
  return { line: number, cells, column: "", urls: pictures.map((picture) => urls[picture] ?? ""), separator }
}
