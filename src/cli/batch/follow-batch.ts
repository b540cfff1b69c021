import { type FileHandle, open, rm } from "node:fs/promises"
import { setTimeout as delay } from "node:timers/promises"
import type { BatchTicket } from "../../lib/batches/batch-ticket.ts"
import type { Batch } from "../../lib/client/claimcheck.ts"
import { CliError } from "../cli-error.ts"
import { type BatchRun, saveRun } from "./batch-run.ts"
import { failuresIn, type ResultFormat } from "./count-failures.ts"

/** Rows asked for at once; a page is kept in memory until it is written. */
const PAGE_ROWS = 2_000
/** The output is a terminal. */
const MAX_POLL_MS = 1_000
const MAX_REASONS = 1_000
const MAX_REASON_CHARS = 200

export type FollowBatch = {
  batch: Pick<Batch, "refresh" | "results">
  run: BatchRun
  out: string
  format: ResultFormat
  signal: AbortSignal
  onTicket: (ticket: BatchTicket) => void
}

/** Fetches rows as they get done, until there are no more. A run that breaks off goes on behind the last page it has written. */
export async function followBatch({ batch, run, out, format, signal, onTicket }: FollowBatch): Promise<BatchTicket> {
  // Names of columns without a row are written again.
  if (run.rows === 0) run.bytes = 0
  const file = await open(out, run.rows === 0 ? "w" : "r+")
  try {
    const { size } = await file.stat()
    if (size < run.bytes) {
      throw new CliError(
        `Cannot resume: ${out} has ${size} bytes and the run had written ${run.bytes}; put it back as it was, or begin anew with --force`,
      )
    }
    // What was written after the last note of it would come twice.
    await file.truncate(run.bytes)
    for (;;) {
      const ticket = await batch.refresh({ signal })
      onTicket(ticket)
      const isOver = isDropped(ticket) ? ticket.done : await fetchPages({ batch, run, out, format, signal, file })
      if (isOver) return batch.refresh({ signal })
      await delay(Math.min(MAX_POLL_MS, ticket.poll_after_ms ?? MAX_POLL_MS), undefined, { signal })
    }
  } finally {
    await file.close()
    // Without rows there is no file.
    if (run.bytes === 0) await rm(out, { force: true })
  }
}

/** Canceled before anything was done: the server has deleted the list, and there are no rows to read. */
function isDropped({ status, done, pictures }: BatchTicket): boolean {
  return pictures.canceled > 0 && pictures.succeeded + pictures.failed === 0 && (!done || status === "canceled")
}

/** True when the last row is written. */
async function fetchPages({
  batch,
  run,
  out,
  format,
  signal,
  file,
}: Omit<FollowBatch, "onTicket"> & { file: FileHandle }): Promise<boolean> {
  for (;;) {
    const page = await batch.results({ format, after: run.rows, limit: PAGE_ROWS, signal })
    const rows = page.nextAfter - run.rows
    // The names of the columns are written with the first rows.
    if (rows > 0 || page.isComplete) {
      const text = await page.body.text()
      const bytes = Buffer.from(text)
      await file.write(bytes, 0, bytes.length, run.bytes)
      await file.datasync()
      for (const reason of failuresIn(text, format, { hasHeader: run.rows === 0 })) countFailure(run, reason)
      run.bytes += bytes.length
      run.rows = page.nextAfter
      await saveRun(out, run)
    }
    if (page.isComplete) return true
    if (rows === 0) return false
  }
}

function countFailure(run: BatchRun, reason: string): void {
  run.failedRows++
  const short = reason.slice(0, MAX_REASON_CHARS)
  if (run.failures[short] !== undefined || Object.keys(run.failures).length < MAX_REASONS) {
    run.failures[short] = (run.failures[short] ?? 0) + 1
  }
}
