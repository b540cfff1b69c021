import type { Batch, BatchPlan } from "../../../lib/batches/batch.ts"
import type { BatchStore } from "../../../lib/batches/batch-store.ts"
import type { ListChunk, ListRow } from "../../../lib/batches/list-chunk.ts"
import { type PictureResult, readPictureResult } from "./picture-result.ts"

/** A row of the list, with the results of its images. */
export type ResultRow = { number: number; row: ListRow; pictures: PictureResult[] }

export type ResultStore = Pick<BatchStore, "getChunk" | "readJobs" | "firstInFlight">

/** How many results are asked of Redis at once: about half a megabyte. */
const PAGE_PICTURES = 500
/** What the results of one answer may come to, as they are estimated: 100,000 pictures with five predictions each are one answer. */
const MAX_ANSWER_BYTES = 100_000_000
/** What a read is counted for, beside its commands. */
const BYTES_A_UNIT = 250_000

/** How many pictures one answer may name. */
export const maxAnswerPictures = (plan: BatchPlan) => Math.floor(MAX_ANSWER_BYTES / bytesOfResult(plan))

/** A page is a chunk of the list and the results of its pictures. */
export function answerUnits(plan: BatchPlan, pictures: number): number {
  return 2 * Math.floor(pictures / PAGE_PICTURES) + Math.floor((pictures * bytesOfResult(plan)) / BYTES_A_UNIT)
}

function bytesOfResult({ operation }: BatchPlan): number {
  // Up to 2,048 features.
  if (operation.name === "embed") return operation.base64 === true ? 12_000 : 25_000
  if (operation.name !== "classify") return 600
  // A thousand classes, as ImageNet has.
  return 300 + 80 * operation.topK + (operation.scores === true ? 25_000 : 0)
}

/** The size of one response: each mention of an image writes its whole result. At least a row. */
export async function boundAnswer(
  store: Pick<ResultStore, "getChunk">,
  { plan }: Batch,
  { after, until }: { after: number; until: number },
): Promise<{ until: number; pictures: number }> {
  let pictures = 0
  for (const [index, [firstRow]] of plan.chunks.entries()) {
    const nextRow = plan.chunks[index + 1]?.[0] ?? plan.rows
    if (nextRow <= after || firstRow >= until) continue
    const { rows } = await store.getChunk(plan.listId, index)
    for (const [i, row] of rows.entries()) {
      const number = firstRow + i
      if (number < after || number >= until) continue
      const named = Math.max(1, row.pictures.length)
      if (number > after && pictures + named > maxAnswerPictures(plan)) return { until: number, pictures }
      pictures += named
    }
  }
  return { until, pictures }
}

/** The same, but a chunk that is read again at once costs no command. */
export function keepLastChunk(store: ResultStore): ResultStore {
  let last: { name: string; chunk: ListChunk } | undefined
  return {
    readJobs: (id, pictures) => store.readJobs(id, pictures),
    firstInFlight: (id) => store.firstInFlight(id),
    async getChunk(listId, index) {
      const name = `${listId} ${index}`
      if (last?.name !== name) last = { name, chunk: await store.getChunk(listId, index) }
      return last.chunk
    },
  }
}

/** The last row before which all are done: results come in the order of the list. */
export async function lastDoneRow(store: ResultStore, batch: Batch): Promise<number> {
  const { plan, progress } = batch
  if (progress.finishedMs !== undefined) return plan.rows
  const firstInFlight = await store.firstInFlight(plan.id)
  const fed = progress.ended === undefined ? progress.cursor : plan.pictures
  const firstOpen = Math.min(firstInFlight ?? fed, fed)
  if (firstOpen >= plan.pictures) return plan.rows
  const index = plan.chunks.findLastIndex(([, firstPicture]) => firstPicture <= firstOpen)
  const { rows } = await store.getChunk(plan.listId, index)
  const open = rows.findIndex(({ pictures }) => pictures.some((picture) => picture >= firstOpen))
  return (plan.chunks[index]?.[0] ?? 0) + (open === -1 ? rows.length : open)
}

/** The rows after row `after` up to row `until`, counted from 1, a page in memory at a time. */
export async function* readResultRows(
  store: ResultStore,
  batch: Batch,
  { after, until }: { after: number; until: number },
): AsyncGenerator<ResultRow> {
  const { plan } = batch
  for (const [index, [firstRow]] of plan.chunks.entries()) {
    const nextRow = plan.chunks[index + 1]?.[0] ?? plan.rows
    if (nextRow <= after || firstRow >= until) continue
    const { rows } = await store.getChunk(plan.listId, index)
    const from = Math.max(0, after - firstRow)
    const wanted = rows.slice(from, until - firstRow)
    for (const page of pagesOf(wanted)) {
      const pictures = [...new Set(page.rows.flatMap((row) => row.pictures))]
      const texts = await store.readJobs(plan.id, pictures)
      const results = new Map(
        pictures.map((picture, i) => [picture, readPictureResult(batch, picture, texts[i] ?? null)]),
      )
      for (const [i, row] of page.rows.entries()) {
        const ends = row.pictures.flatMap((picture) => results.get(picture) ?? [])
        yield { number: firstRow + from + page.from + i + 1, row, pictures: ends }
      }
    }
  }
}

function* pagesOf(rows: readonly ListRow[]): Generator<{ from: number; rows: ListRow[] }> {
  let page: ListRow[] = []
  let pictures = 0
  for (const [i, row] of rows.entries()) {
    page.push(row)
    pictures += row.pictures.length
    if (pictures >= PAGE_PICTURES || page.length >= PAGE_PICTURES) {
      yield { from: i + 1 - page.length, rows: page }
      page = []
      pictures = 0
    }
  }
  if (page.length > 0) yield { from: rows.length - page.length, rows: page }
}
