import type { TicketData } from "../../lib/client/claimcheck.ts"
import { waitCommand } from "../api/advice.ts"
import { createApi } from "../api/api.ts"
import { openClient } from "../api/edge-client.ts"
import type { EdgeOptions } from "../api/edge-options.ts"
import { sayNotices } from "../api/say-waits.ts"
import { countOf, humanBytes, humanMs } from "../terminal/human-units.ts"
import { showProgress } from "../terminal/progress.ts"
import { progressNote } from "../terminal/progress-note.ts"
import { paintFor, print, printError } from "../terminal/terminal.ts"
import { webhookTrouble } from "../webhook/webhook-trouble.ts"
import { type ClassifyOptions, classifyFiles, type Outcome } from "./classify-files.ts"

export type FileWork = EdgeOptions &
  ClassifyOptions & {
    /** What is printed of a file's answer, without --json. */
    render: (file: string, ticket: TicketData) => string
    /** Answers that take several lines stand apart. */
    isTall?: boolean
    /** Where a file's result was written, for --json. */
    savedAs?: (file: string) => string | undefined
  }

/** Processes files with a progress bar and prints each result or error, in order. */
export async function workOnFiles(files: readonly string[], options: FileWork): Promise<void> {
  const {
    render,
    savedAs = () => undefined,
    isTall = false,
    json = false,
    url,
    key,
    signal,
    concurrency,
    submit,
    out,
    finish,
    timeoutMs,
  } = options
  const client = await openClient({ url, key }, { signal })
  const progress = showProgress(files.length)
  const startedMs = performance.now()
  const note = paintFor(process.stderr)
  /** Tickets whose answer is not there yet, by file. */
  const open = new Map<string, string>()
  let firstTicket: string | undefined
  let [done, failed, printed] = [0, 0, 0]
  const sayNotice = sayNotices()
  const work = { url, key, out, signal, concurrency, finish, timeoutMs, ...(submit !== undefined && { submit }) }
  try {
    await classifyFiles(client, files, work, {
      tell: (outcome) =>
        progress.above(() => {
          if (isTall && !json && "ticket" in outcome && printed++ > 0) print("")
          report(outcome, json ? null : render, savedAs(outcome.file))
        }),
      done(outcome) {
        open.delete(outcome.file)
        done++
        if ("error" in outcome) failed++
        progress.update(done, progressNote({ done, failed, total: files.length, ms: performance.now() - startedMs }))
      },
      accepted(file, id) {
        firstTicket ??= id
        open.set(file, id)
      },
      seen: ({ id, done: isDone, queue }) => sayNotice(id, { done: isDone, notice: queue?.notice }),
      shrunk: (file, { bytes, sentBytes }) =>
        progress.above(() =>
          printError(note("dim", `${file}: a smaller copy was sent, ${humanBytes(sentBytes)} of ${humanBytes(bytes)}`)),
        ),
    })
  } catch (error) {
    progress.stop()
    if (signal.aborted) {
      const left = { answered: done, unsent: files.length - done - open.size, open: [...open] }
      printError(interruptedWords(left, { url, out }))
    }
    throw error
  } finally {
    progress.stop()
  }
  if (files.length > 1 && (process.stderr.isTTY || failed > 0)) {
    printError(note("dim", summary(files.length, failed, performance.now() - startedMs)))
  }
  // Each failure has been printed; only the exit code is left.
  if (failed > 0) process.exitCode = 1
  if (submit?.webhookUrl !== undefined && firstTicket !== undefined) {
    const trouble = await webhookTrouble(createApi({ url, key }), firstTicket, signal)
    if (trouble !== null) printError(`${note("yellow", "webhook")} ${trouble}`)
  }
}

/** "20 done, 2 failed · 8.0 s · 2.8/s": every file is one of them. */
export function summary(total: number, failed: number, ms: number): string {
  const counts = `${(total - failed).toLocaleString("en-US")} done${failed === 0 ? "" : `, ${failed.toLocaleString("en-US")} failed`}`
  return `${counts} · ${humanMs(ms)} · ${(total / (ms / 1_000)).toFixed(1)}/s`
}

type Left = { answered: number; unsent: number; open: readonly (readonly [file: string, ticketId: string])[] }

/** What continues after Ctrl-C, and how to resume. */
export function interruptedWords(
  { answered, unsent, open }: Left,
  edge: { url: string; out?: string | undefined },
): string {
  const counts = [
    `${answered} answered`,
    open.length > 0 && `${open.length} in work`,
    unsent > 0 && `${unsent} not sent`,
  ]
  const said = `Interrupted: ${counts.filter(Boolean).join(", ")}.`
  if (open.length === 0) return said
  const which = `${countOf(open.length, "ticket")} ${open.length === 1 ? "goes" : "go"} on at the server`
  const ids = open.map(([, id]) => id)
  const names = open.map(([file, id]) => `  ${id}  ${file}`)
  return [`${said} ${which}; the answers:`, `  ${waitCommand(ids, edge)}`, ...names].join("\n")
}

/** @param render null for JSON */
function report(outcome: Outcome, render: FileWork["render"] | null, saved: string | undefined): void {
  const { file } = outcome
  if ("ticket" in outcome) {
    print(render?.(file, outcome.ticket) ?? JSON.stringify({ file, ...(saved && { saved }), ...outcome.ticket }))
    return
  }
  const { code = "failed", message } = outcome.error
  if (render === null) print(JSON.stringify({ file, error: { code, message } }))
  else printError(`${paintFor(process.stderr)("red", "error")} ${file}: ${message}`)
}
