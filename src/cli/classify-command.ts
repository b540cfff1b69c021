import type { Command } from "commander"
import { type ClassifyOptions, classifyFiles, type Outcome } from "./classify-files.ts"
import { openClient } from "./edge-client.ts"
import { type EdgeOptions, withEdgeOptions } from "./edge-options.ts"
import { expandInputs } from "./expand-inputs.ts"
import { countOf, humanMs } from "./human-units.ts"
import { interruptible } from "./interrupted.ts"
import { parseCount, parseDurationMs } from "./parse-option.ts"
import { renderPredictions } from "./prediction-table.ts"
import { showProgress } from "./progress.ts"
import { progressNote } from "./progress-note.ts"
import { paintFor, print, printError, survivesGoneReader } from "./terminal.ts"

const HELP = `
Examples:
  $ claimcheck classify photo.jpg
  $ claimcheck classify sample:pumpkin
  $ claimcheck classify holiday/ --recursive
  $ claimcheck classify --model mobilenet_v2 --top-k 3 'photos/**/*.png'
  $ claimcheck classify --webhook https://example.com/hooks photo.jpg
  $ claimcheck classify --json *.jpg | jq -r '[.file, .predictions[0].label] | @tsv'

With --json there is one line a file: {"file": …, …ticket}, or {"file": …, "error": {"code", "message"}}.

Exit codes: 0 every file was classified, 1 at least one was not, 2 the command was not understood, 130 interrupted.`

type Options = EdgeOptions & {
  model?: string
  topK?: number
  concurrency: number
  recursive?: true
  /** False for --no-cache. */
  cache: boolean
  timeout?: number
  webhook?: string
}

export function addClassifyCommand(program: Command): void {
  const command = program
    .command("classify")
    .summary("classify pictures")
    .description("Upload pictures, wait for their tickets, and print what is on them.")
    .argument("<file...>", "JPEG or PNG files, folders of them, patterns in quotes, or sample:NAME")
    .option("--model <id>", "model to classify with (default: the server's)")
    .option("--top-k <n>", "how many predictions (default: 5)", parseCount)
    .option("-c, --concurrency <n>", "how many at once", parseCount, 4)
    .option("-r, --recursive", "look in the folders of a folder, too")
    .option("--no-cache", "infer again what is known already")
    .option("--timeout <duration>", "wait no longer for a file's answer: 90s, 15min (default: no end)", parseDurationMs)
    .option("--webhook <url>", "send each answer there, too: signed, and again until it is taken")
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action(async (inputs: string[], options: Options) => {
      survivesGoneReader(() => process.exit())
      await interruptible(async (signal) => {
        const files = await expandInputs(inputs, { recursive: options.recursive === true })
        const failed = await classifyAll(files, options, signal)
        // Each failure is told where it happened; the exit code is all that is left to say.
        if (failed > 0) process.exitCode = 1
      })
    })
}

async function classifyAll(files: readonly string[], options: Options, signal: AbortSignal): Promise<number> {
  const client = await openClient(options, { signal })
  const progress = showProgress(files.length)
  const startedMs = performance.now()
  let done = 0
  let failed = 0
  let printed = 0
  let warned = false
  const asked: ClassifyOptions = {
    ...options,
    signal,
    noCache: !options.cache,
    timeoutMs: options.timeout,
    webhookUrl: options.webhook,
  }
  try {
    await classifyFiles(client, files, asked, {
      tell: (outcome) =>
        progress.above(() => {
          if (!options.json && "ticket" in outcome && printed++ > 0) print("")
          report(outcome, options.json === true)
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
  return failed
}

export function summary(total: number, failed: number, ms: number): string {
  const rate = `${(total / (ms / 1_000)).toFixed(1)}/s`
  const what = failed === 0 ? `${countOf(total, "picture")}` : `${total - failed} of ${countOf(total, "picture")}`
  return `${what} in ${humanMs(ms)} · ${rate}${failed === 0 ? "" : ` · ${failed} failed`}`
}

function report(outcome: Outcome, json: boolean): void {
  const { file } = outcome
  if ("ticket" in outcome) {
    const table = { paint: paintFor(process.stdout), columns: process.stdout.columns ?? 80 }
    print(json ? JSON.stringify({ file, ...outcome.ticket }) : renderPredictions(file, outcome.ticket, table))
    return
  }
  const { code = "failed", message } = outcome.error
  if (json) print(JSON.stringify({ file, error: { code, message } }))
  else printError(`${paintFor(process.stderr)("red", "error")} ${file}: ${message}`)
}
