import { randomUUID } from "node:crypto"
import { stat } from "node:fs/promises"
import { extname } from "node:path"
import { type Command, InvalidArgumentError } from "commander"
import type { BatchTicket } from "../../lib/batches/batch-ticket.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { type EdgeOptions, withEdgeOptions } from "../edge-options.ts"
import { humanMs } from "../human-units.ts"
import { interruptible } from "../interrupted.ts"
import { parseCount } from "../parse-option.ts"
import { showProgress } from "../progress.ts"
import { realPathOf } from "../real-path.ts"
import { paintFor, print, printError, survivesGoneReader } from "../terminal.ts"
import { type BatchApi, createBatchApi } from "./batch-api.ts"
import { type BatchRun, endRun, readRun, runFileOf } from "./batch-run.ts"
import type { ResultFormat } from "./count-failures.ts"
import { followBatch } from "./follow-batch.ts"
import { renderSummary } from "./render-batch.ts"
import { startRun } from "./start-run.ts"

const HELP = `
The list is CSV, TSV, JSON Lines or a JSON array. A column named like url, image_url or "Input Image URLs" holds the pictures,
one or several in a cell; all other columns come back with their row.

Examples:
  $ claimcheck batch photos.csv
  $ claimcheck batch images.tsv --op inspect --out sizes.csv
  $ claimcheck batch products.csv --op compress -o quality=50 --webhook https://example.com/hooks
  $ claimcheck batch photos.csv --resume

Ctrl-C leaves the batch running at the server; --resume goes on where the results end, --cancel stops it.

Exit codes: 0 every row succeeded, 1 at least one did not, 2 the command was not understood, 130 interrupted.`

type Options = EdgeOptions & {
  op: string
  out?: string
  model?: string
  option: string[]
  batchSize?: number
  urlColumn?: string
  skipInvalid?: true
  webhook?: string
  webhookEvery?: number
  resume?: true
  cancel?: true
  force?: true
}

export function addBatchCommand(program: Command): void {
  const command = program
    .command("batch")
    .summary("work through a list of pictures")
    .description("Send a list of picture URLs, wait, and write one row of results for each of its rows.")
    .argument("<file>", "the list")
    .option("--op <operation>", "what to do with each picture", "classify")
    .option("--out <file>", "where the results go: .csv, .tsv or .jsonl (default: <file>.results.csv)")
    .option("--model <id>", "model to classify with (default: the server's)")
    .option("-o, --option <name=value>", "an option of the operation; may be repeated", collectOption, [])
    .option("--batch-size <n>", "how many pictures at once (default: 64)", parseCount)
    .option("--url-column <name>", "column with the URLs (default: guessed by its name)")
    .option("--skip-invalid", "take the rows that can be taken")
    .option("--webhook <url>", "tell this address when the batch is done, signed")
    .option("--webhook-every <n>", "and each time that so many pictures are done", parseCount)
    .option("--resume", "go on with a run that broke off")
    .option("--cancel", "stop a run that broke off, and fetch what is done")
    .option("--force", "write over results that are there")
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action(async (file: string, options: Options) => {
      survivesGoneReader(() => process.exit())
      await interruptible((signal) => runBatch(file, options, signal))
    })
}

async function runBatch(list: string, options: Options, signal: AbortSignal): Promise<void> {
  const out = options.out ?? `${list.slice(0, list.length - extname(list).length)}.results.csv`
  const format = formatOf(out)
  if ((await realPathOf(out)) === (await realPathOf(list)))
    throw usage(`${out} is the list itself: name another file with --out`)
  const before = await readRun(out)
  const isAgain = options.resume === true || options.cancel === true
  if (before === null && isAgain)
    throw usage(`There is nothing to ${options.cancel ? "cancel" : "resume"}: ${runFileOf(out)} is not there`)
  if (before !== null && !isAgain && options.force !== true) {
    throw usage(
      `A run that writes ${out} has not ended: --resume goes on with it, --cancel stops it, --force begins anew`,
    )
  }
  if (before === null && options.force !== true && (await isFile(out)))
    throw usage(`${out} is there already: --force writes over it`)

  const api = createBatchApi({ url: isAgain && before !== null ? before.url : options.url, key: options.key }, signal)
  const run = isAgain && before !== null ? before : newRun(list, options)
  const startedMs = performance.now()
  await api.isThere()
  const started = await startRun({ api, run, list, out })
  if (options.cancel === true) await cancelUnlessDone(api, started.ticketId)
  const ticket = await followWithBar({ api, run: started, out, format, signal })
  await endRun(out)
  tell(ticket, started, { out, ms: performance.now() - startedMs, json: options.json === true })
}

function newRun(list: string, options: Options): BatchRun {
  const query = new URLSearchParams({ operation: options.op })
  for (const pair of options.option) query.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1))
  const named = {
    model: options.model,
    batch_size: options.batchSize,
    url_column: options.urlColumn,
    on_invalid: options.skipInvalid && "skip",
    webhook_url: options.webhook,
    webhook_every: options.webhookEvery,
  }
  for (const [name, value] of Object.entries(named)) if (value !== undefined) query.set(name, String(value))
  const asked = { url: options.url, list, query: query.toString(), idempotencyKey: randomUUID() }
  return { ...asked, rows: 0, bytes: 0, failures: {}, failedRows: 0 }
}

async function cancelUnlessDone(api: BatchApi, ticketId: string): Promise<void> {
  const { done } = await api.read(ticketId)
  if (!done) await api.cancel(ticketId)
}

type Follow = Omit<Parameters<typeof followBatch>[0], "onTicket">

async function followWithBar(follow: Follow): Promise<BatchTicket> {
  const { pictures } = await follow.api.read(follow.run.ticketId)
  const progress = showProgress(pictures.total)
  try {
    return await followBatch({ ...follow, onTicket: (ticket) => progress.update(ticket.pictures.done, noteOf(ticket)) })
  } finally {
    progress.stop()
  }
}

function noteOf({ pictures, per_second, eta_ms }: BatchTicket): string {
  return [
    pictures.failed > 0 && `${pictures.failed} failed`,
    per_second !== null && `${per_second.toFixed(1)}/s`,
    eta_ms != null && eta_ms > 0 && `${humanMs(eta_ms)} left`,
  ]
    .filter(Boolean)
    .join(" · ")
}

function tell(ticket: BatchTicket, run: BatchRun, { out, ms, json }: { out: string; ms: number; json: boolean }): void {
  if (json) print(JSON.stringify({ ...ticket, out, failed_rows: run.failedRows }))
  const failed = run.failedRows > 0 || ticket.status !== "succeeded"
  // Where nobody watches, what failed is told all the same: the exit code alone says nothing of why.
  if (process.stderr.isTTY || (failed && !json))
    printError(renderSummary(ticket, run, { out, ms, paint: paintFor(process.stderr) }))
  if (failed) process.exitCode = EXIT.failed
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).size > 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false
    throw error
  }
}

function formatOf(out: string): ResultFormat {
  const extension = extname(out).toLowerCase()
  if (extension === ".csv" || extension === ".tsv") return extension === ".csv" ? "csv" : "tsv"
  if (extension === ".jsonl") return "jsonl"
  throw usage(`Cannot tell what ${out} is to be: name it .csv, .tsv or .jsonl`)
}

function collectOption(value: string, before: string[]): string[] {
  if (!/^[a-z0-9_]+=/.test(value)) throw new InvalidArgumentError("Expected name=value.")
  return [...before, value]
}

const usage = (message: string) => new CliError(message, { exitCode: EXIT.usage })
