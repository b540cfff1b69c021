import type { BatchPlan } from "../../../lib/batches/batch.ts"
import { answerOf, withLinks } from "../../../lib/tickets/ticket.ts"
import { delimitedLine } from "./delimited-cell.ts"
import type { PictureResult } from "./picture-result.ts"
import { cellsOf, headerOf } from "./result-columns.ts"
import type { ResultRow } from "./result-rows.ts"

export const RESULT_FORMATS = {
  csv: "text/csv; charset=utf-8; header=present",
  tsv: "text/tab-separated-values; charset=utf-8",
  jsonl: "application/jsonl",
} as const
export type ResultFormat = keyof typeof RESULT_FORMATS

/** Rows as text. The names of the columns come before the first row only: pages can be put one behind the other. */
export async function* writeResults(
  rows: AsyncIterable<ResultRow>,
  plan: BatchPlan,
  { format, isFirst }: { format: ResultFormat; isFirst: boolean },
): AsyncGenerator<string> {
  if (format === "jsonl") {
    for await (const row of rows) yield `${JSON.stringify(toJson(row, plan))}\n`
    return
  }
  const delimiter = format === "csv" ? "," : "\t"
  if (isFirst) yield (plan.hasMark ? "\uFEFF" : "") + delimitedLine(headerOf(plan), delimiter)
  for await (const row of rows) yield delimitedLine(cellsOf(row, plan), delimiter)
}

/** Text as the bytes of a response; a page of lines at a time, since every piece costs a Worker something. */
export function toByteStream(lines: AsyncGenerator<string>, pieceChars = 65_536): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream({
    async pull(controller) {
      let piece = ""
      while (piece.length < pieceChars) {
        const { done, value } = await lines.next()
        if (done) {
          if (piece !== "") controller.enqueue(encoder.encode(piece))
          controller.close()
          return
        }
        piece += value
      }
      controller.enqueue(encoder.encode(piece))
    },
    async cancel() {
      await lines.return(undefined)
    },
  })
}

function toJson({ number, row, pictures }: ResultRow, plan: BatchPlan): Record<string, unknown> {
  const input = Object.fromEntries(
    plan.columns.flatMap((name, i) => (row.cells[i] == null ? [] : [[name, row.cells[i]]])),
  )
  const error = row.problem === undefined ? {} : { error: { code: "invalid_rows", message: row.problem } }
  return { row: number, input, ...error, results: pictures.map((end) => pictureToJson(end, plan)) }
}

function pictureToJson(end: PictureResult, plan: BatchPlan): Record<string, unknown> {
  const { modelVersion: version } = end.status === "succeeded" ? end.result : {}
  const model = end.model !== undefined && { model: { id: end.model, ...(version !== undefined && { version }) } }
  const about = { ...(end.url !== undefined && { url: end.url }), status: end.status, ...model }
  switch (end.status) {
    case "succeeded":
      return { ...about, ...withLinks(answerOf(end.result), plan.origin) }
    case "failed":
      return { ...about, error: end.error }
    case "canceled":
      return about
    default:
      return end satisfies never
  }
}
