import type { BatchTicket } from "../../lib/batches/batch-ticket.ts"
import type { Problem } from "../../lib/client/claimcheck.ts"
import { countOf, humanMs, noticeText } from "../terminal/human-units.ts"
import type { Paint } from "../terminal/terminal.ts"
import type { BatchRun } from "./batch-run.ts"
import { commonest } from "./count-failures.ts"

const MAX_FAILURES = 10
const MAX_BAD_ROWS = 10

/** What is wrong with the first rows of a list that was refused. */
export function renderBadRows(message: string, { rows = [], invalid_rows: count = 0 }: Problem = {}): string {
  const shown = rows.slice(0, MAX_BAD_ROWS).map(({ row, line, column, value, reason }) => {
    // A JSON array may have all of its rows in one line.
    const where = line < row ? `row ${row}` : `row ${row} (line ${line})`
    return `  ${where}: ${column === "" ? "it" : column} ${reason}${value === "" ? "" : `: ${JSON.stringify(value)}`}`
  })
  const more = count - shown.length
  return [message, ...shown, ...(more > 0 ? [`  and ${more} more`] : [])].join("\n")
}

/** A batch: its progress, and where its results are. */
export function renderBatch(batch: BatchTicket, { paint }: { paint: Paint }): string {
  const { pictures, rows, per_second: perSecond, eta_ms: etaMs } = batch
  const { done, total, failed } = pictures
  const facts: [string, string | false][] = [
    ["done", `${done.toLocaleString("en-US")} of ${countOf(total, "image")}${failed > 0 ? `, ${failed} failed` : ""}`],
    ["left", !batch.done && batch.notice === undefined && etaMs != null && `about ${humanMs(etaMs)}`],
    ["speed", !batch.done && perSecond !== null && perSecond > 0 && `${perSecond.toFixed(1)}/s`],
    ["note", batch.notice !== undefined && noticeText(batch.notice)],
    ["rows", rows.total.toLocaleString("en-US")],
    ["results", `${batch.results_url}?format=csv`],
  ]
  const lines = facts.filter(([, value]) => value !== false)
  const heading = `${paint("bold", batch.id)}  ${batch.status}`
  return [heading, ...lines.map(([name, value]) => `  ${paint("dim", name.padEnd(8))}  ${value}`)].join("\n")
}

/** How a batch went, with its commonest failures. */
export function renderSummary(
  { status, pictures, rows }: BatchTicket,
  run: Pick<BatchRun, "failedRows" | "failures">,
  { out, ms, paint }: { out: string | undefined; ms: number; paint: Paint },
): string {
  const { total, succeeded, failed, canceled } = pictures
  const counts = { done: succeeded, failed, canceled }
  const told = Object.entries(counts).filter(([what, count]) => count > 0 || what === "done")
  const head = [
    status === "canceled" && "canceled",
    `${countOf(rows.total, "row")}, ${countOf(total, "image")}: ${told.map(([what, count]) => `${count.toLocaleString("en-US")} ${what}`).join(", ")}`,
    rows.skipped > 0 && `${countOf(rows.skipped, "row")} left out`,
    humanMs(ms),
    status !== "canceled" && `${((succeeded + failed) / (ms / 1_000)).toFixed(1)}/s`,
    out,
  ]
  const lines = [paint("dim", head.filter(Boolean).join(" · "))]
  if (run.failedRows > 0) {
    lines.push(paint("yellow", `${countOf(run.failedRows, "row")} failed`))
    for (const [reason, times] of commonest(run.failures, MAX_FAILURES)) lines.push(`  ${times} × ${reason}`)
  }
  return lines.join("\n")
}
