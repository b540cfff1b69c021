import type { TicketData } from "../lib/client/claimcheck.ts"
import { type ClassifyOptions, classifyFiles, type Outcome } from "./classify-files.ts"
import { openClient } from "./edge-client.ts"
import type { EdgeOptions } from "./edge-options.ts"
import { countOf, humanMs } from "./human-units.ts"
import { showProgress } from "./progress.ts"
import { progressNote } from "./progress-note.ts"
import { paintFor, print, printError } from "./terminal.ts"

export type FileWork = EdgeOptions &
  ClassifyOptions & {
    /** What is printed of a file's answer, without --json. */
    render: (file: string, ticket: TicketData) => string
    /** Answers that take several lines stand apart. */
    isTall?: boolean
  }

/** Has files worked on under a progress bar, and prints each answer or failure, in the order of the files. */
export async function workOnFiles(files: readonly string[], options: FileWork): Promise<void> {
  const { render, isTall = false, json = false, ...asked } = options
  const client = await openClient(options, options)
  const progress = showProgress(files.length)
  const startedMs = performance.now()
  let done = 0
  let failed = 0
  let printed = 0
  let warned = false
  try {
    await classifyFiles(client, files, asked, {
      tell: (outcome) =>
        progress.above(() => {
          if (isTall && !json && "ticket" in outcome && printed++ > 0) print("")
          report(outcome, json ? asJson : render)
        }),
      done(outcome) {
        done++
        if ("error" in outcome) failed++
        progress.update(done, progressNote({ done, failed, total: files.length, ms: performance.now() - startedMs }))
      },
      noClassifier(ticket) {
        if (warned || !process.stderr.isTTY) return
        warned = true
        const model = ticket.model?.id ?? "the model"
        progress.above(() =>
          printError(`${paintFor(process.stderr)("yellow", "waiting")} no classifier serves ${model} now`),
        )
      },
    })
  } finally {
    progress.stop()
  }
  if (files.length > 1 && process.stderr.isTTY) {
    printError(paintFor(process.stderr)("dim", summary(files.length, failed, performance.now() - startedMs)))
  }
  // Each failure is told where it happened; the exit code is all that is left to say.
  if (failed > 0) process.exitCode = 1
}

export function summary(total: number, failed: number, ms: number): string {
  const rate = `${(total / (ms / 1_000)).toFixed(1)}/s`
  const what = failed === 0 ? `${countOf(total, "picture")}` : `${total - failed} of ${countOf(total, "picture")}`
  return `${what} in ${humanMs(ms)} · ${rate}${failed === 0 ? "" : ` · ${failed} failed`}`
}

const asJson = (file: string, ticket: TicketData) => JSON.stringify({ file, ...ticket })

function report(outcome: Outcome, render: FileWork["render"]): void {
  const { file } = outcome
  if ("ticket" in outcome) {
    print(render(file, outcome.ticket))
    return
  }
  const { code = "failed", message } = outcome.error
  if (render === asJson) print(JSON.stringify({ file, error: { code, message } }))
  else printError(`${paintFor(process.stderr)("red", "error")} ${file}: ${message}`)
}
