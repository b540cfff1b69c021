import type { BatchTicket } from "../../lib/batches/batch-ticket.ts"
import type { InvalidRow } from "../../lib/client/claimcheck.ts"
import { countOf, failureSentence, humanBytes, humanMs } from "../sheet/sentences.ts"
import type { Batch } from "./batch.ts"
import { isWindowsText } from "./with-charset.ts"

type OperationWords = {
  result: string
  choice: string
  /** An option that is asked for. */
  number?: { option: string; label: string; usual: number; max: number }
}
/** The operations that the page offers for a list. */
export const OPERATIONS: Readonly<Record<string, OperationWords>> = {
  classify: { result: "what is in each picture", choice: "say what is in it" },
  inspect: { result: "format and size of each picture", choice: "read format and size" },
  compress: {
    result: "smaller files",
    choice: "make a smaller file",
    number: { option: "quality", label: "Quality, 1 to 100", usual: 50, max: 100 },
  },
  resize: {
    result: "pictures of another size",
    choice: "make another size",
    number: { option: "width", label: "Width in pixels", usual: 640, max: 16_384 },
  },
}

/** State of a list in one line. */
export function batchWords({ bytes, progress }: Batch): string {
  switch (progress.phase) {
    case "chosen":
      return humanBytes(bytes)
    case "sending":
      return progress.needsKey === true ? "Waiting for your key" : `Sending ${humanBytes(bytes)} …`
    case "refused":
      return progress.badRows === undefined ? failureSentence(progress.error) : badRowsWords(progress.badRows)
    case "ticket":
      return ticketWords(progress.ticket)
    default:
      return progress satisfies never
  }
}

function ticketWords({
  status,
  done,
  operation,
  rows,
  pictures,
  per_second,
  eta_ms,
  created_at,
  ...rest
}: BatchTicket): string {
  const words = [
    done
      ? countOf(pictures.total, "picture")
      : `${pictures.done.toLocaleString("en")} of ${countOf(pictures.total, "picture")}`,
    rows.total !== pictures.total && countOf(rows.total, "row"),
    rows.skipped > 0 && `${rows.skipped.toLocaleString("en")} left out`,
    !done && per_second !== null && per_second > 0 && `${per_second.toFixed(1)} a second`,
    !done && eta_ms != null && eta_ms > 0 && etaWords(eta_ms),
    done && rest.finished_at !== undefined && `in ${humanMs(Date.parse(rest.finished_at) - Date.parse(created_at))}`,
    status === "canceled" && "canceled",
  ]
  return `${OPERATIONS[operation]?.result ?? operation}: ${words.filter(Boolean).join(" · ")}`
}

/** What else there is to know of a list. */
export function batchNote({ contentType, progress }: Batch): string {
  const notice = progress.phase === "ticket" ? progress.ticket.notice : undefined
  const notes = [
    isWindowsText(contentType) && "The file is not UTF-8 text: it is read as Windows-1252.",
    notice !== undefined && `${notice}.`,
  ]
  return notes.filter(Boolean).join(" ")
}

/** Text for screen readers: the end, and each quarter before it. */
export function announcementOf({ name, progress }: Batch): string {
  if (progress.phase === "refused") return `${name}: ${failureSentence(progress.error)}`
  if (progress.phase !== "ticket") return progress.phase === "chosen" ? `${name} is ready to be started.` : ""
  const { status, done, pictures } = progress.ticket
  if (!done) return `${name}: ${Math.floor((pictures.done / Math.max(1, pictures.total)) * 4) * 25} % done.`
  const failed = pictures.failed > 0 ? `, ${pictures.failed} failed` : ""
  return status === "canceled"
    ? `${name} was canceled.`
    : `${name} is done: ${countOf(pictures.succeeded, "picture")}${failed}.`
}

function badRowsWords({ count, rows }: { count: number; rows: readonly InvalidRow[] }): string {
  const which = count > rows.length ? `; these are the first ${rows.length}.` : "."
  return `${countOf(count, "row")} cannot be accepted${which}`
}

function etaWords(etaMs: number): string {
  return etaMs < 10_000 ? "a few seconds left" : `${humanMs(etaMs)} left`
}
