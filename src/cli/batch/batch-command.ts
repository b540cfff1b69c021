import { stat } from "node:fs/promises"
import { dirname, extname } from "node:path"
import { type Command, InvalidArgumentError, Option } from "commander"
import type { BatchTicket } from "../../lib/batches/batch-ticket.ts"
import type { Batch } from "../../lib/client/claimcheck.ts"
import { isOperationName, OPERATIONS, operationNames } from "../../lib/operations/operations.ts"
import { createApi } from "../api/api.ts"
import { forTerminal, openClient } from "../api/edge-client.ts"
import { withEdgeOptions } from "../api/edge-options.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { makeFolder } from "../files/make-folder.ts"
import { fileNameOf } from "../files/picture-url.ts"
import { realPathOf } from "../files/real-path.ts"
import { interruptible } from "../interrupted.ts"
import { alias, parseCount } from "../parse-option.ts"
import { paintFor, print, printError, survivesGoneReader } from "../terminal/terminal.ts"
import { webhookTrouble } from "../webhook/webhook-trouble.ts"
import { type BatchRun, endRun, isAbsent, readRun, runFileOf, saveRun } from "./batch-run.ts"
import type { ResultFormat } from "./count-failures.ts"
import { interruptedWords, isLost } from "./interrupted-run.ts"
import { downloadWithBar, followWithBar } from "./progress-bars.ts"
import { renderSummary } from "./render-batch.ts"
import { newRun, OPERATION_OPTIONS, type RunOptions, refuseChanges } from "./run-options.ts"
import { startRun } from "./start-run.ts"

const HELP = `
The list is CSV, TSV, JSON Lines or a JSON array. A column named like url, image_url or "Input Image URLs" contains the image
URLs, one or several in a cell. All other columns are returned with their row.

Examples:
  $ claimcheck batch photos.csv
  $ claimcheck batch images.tsv --operation inspect --out sizes.csv
  $ claimcheck batch products.csv --operation compress --quality 50 --webhook-url https://example.com/hooks
  $ claimcheck batch products.csv --operation resize --width 640 --download small/ --name-column sku
  $ claimcheck batch photos.csv --resume
  $ claimcheck batch retry bat_4f6h… --out failed.csv

Options are named as in the API, with - for _; docs/operations.md describes those of an operation.
Ctrl-C leaves the batch running on the server; --resume continues where the results end, --cancel stops the batch.

Exit codes: 0 every row succeeded, 1 at least one did not, 2 the command is invalid, 130 interrupted.`

export function addBatchCommand(program: Command): void {
  const command = program
    .command("batch")
    .summary("process a list of image URLs")
    .description("Submit a list of image URLs, wait, and write one row of results per row.")
    .argument("<file>", "the list, or - for standard input")
    .option("--operation <name>", `operation on each image: ${operationNames.join(", ")}`, "classify")
    .option(
      "-o, --out <file>",
      "file for the results: .csv, .tsv or .jsonl (default: photos.results.csv for photos.csv)",
    )
    .option("--model <id>", "model to classify with (default: the server's)")
    .option("--charset <name>", "encoding of the list: windows-1252 (default: UTF-8, or by its byte order mark)")
    .option("--batch-size <n>", "images in progress at once (default: 64)", parseCount)
    .option("--url-column <name>", "column with the URLs (default: found by its name)")
    .option("--on-invalid <how>", "skip: accept a list with invalid rows (default: reject)")
    .option("--webhook-url <url>", "send a signed webhook there when the batch is done")
    .option("--webhook-every <n>", "also each time this many images are done", parseCount)
    .option("--download <folder>", "also download the outputs of compress and resize")
    .option("--name-column <name>", "column to name those files after (default: the last part of the URL)")
    .option("--resume", "continue an interrupted run")
    .option("--cancel", "cancel an interrupted run, and fetch the finished rows")
    .option("--force", "overwrite existing results")
    .addOption(new Option("--op <name>").hideHelp())
    .addOption(new Option("--option <name=value>").argParser(collectOption).default([]).hideHelp())
    .addOption(new Option("--skip-invalid").hideHelp())
    .addOption(new Option("--webhook <url>").hideHelp())
  for (const { name, operations } of OPERATION_OPTIONS) {
    command.option(`--${name.replaceAll("_", "-")} <value>`, `of ${operations.join(", ")}`)
  }
  alias(command, "op", "operation")
  alias(command, "webhook", "webhookUrl")
  addRetryCommand(command)
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action(async (file: string, options: RunOptions) => {
      survivesGoneReader(() => process.exit())
      await interruptible((signal) => runBatch(file, options, signal))
    })
}

function addRetryCommand(batch: Command): void {
  const command = batch
    .command("retry")
    .summary("process the failed rows of a batch again")
    .description("Submit the failed rows of a batch as a new batch, wait, and write one row of results per row.")
    .argument("<id>", "the batch: bat_…")
    .option("-o, --out <file>", "file for the results: .csv, .tsv or .jsonl (default: bat_….results.csv)")
    .option("--force", "overwrite existing results")
  withEdgeOptions(command).action(async (id: string, _own: unknown, own: Command) => {
    survivesGoneReader(() => process.exit())
    // What `batch` has by the same name is read there.
    await interruptible((signal) => retryBatch(id, own.optsWithGlobals<RunOptions>(), signal))
  })
}

/** The new batch is a run that was sent already: Ctrl-C and --resume work as with any other. */
async function retryBatch(id: string, options: RunOptions, signal: AbortSignal): Promise<void> {
  const out = options.out ?? `${id}.results.csv`
  formatOf(out)
  if (options.force !== true && ((await isFile(out)) || (await readRun(out)) !== null))
    throw usage(`${out} is there already: --force writes over it, --out names another file`)
  const client = await openClient(options, { signal })
  try {
    const { id: ticketId } = await client.batch(id).retry({ signal })
    await makeFolder(dirname(out), { named: "--out" })
    await saveRun(out, { ...newRun(id, options), query: "", ticketId })
  } catch (error) {
    throw signal.aborted ? error : forTerminal(error, options)
  }
  await runBatch(id, { ...options, out, resume: true }, signal)
}

async function runBatch(list: string, options: RunOptions, signal: AbortSignal): Promise<void> {
  if (/^bat_\w+$/.test(list) && options.resume !== true && !(await isFile(list)))
    throw usage(
      `${list} is no list, but the ticket of a batch: claimcheck ticket ${list} shows it, claimcheck batch retry ${list} retries its failed rows`,
    )
  const file = fileNameOf(list)
  const out = options.out ?? `${file.slice(0, file.length - extname(file).length)}.results.csv`
  const format = formatOf(out)
  if ((await realPathOf(out)) === (await realPathOf(list)))
    throw usage(`${out} is the list itself: name another file with --out`)
  const before = await readRun(out)
  const isAgain = options.resume === true || options.cancel === true
  if (before === null && isAgain)
    throw usage(`There is nothing to ${options.cancel ? "cancel" : "resume"}: ${runFileOf(out)} is not there`)
  if (before !== null && isAgain) refuseChanges(before, newRun(list, options), options.cancel ? "--cancel" : "--resume")
  if (before !== null && !isAgain && options.force !== true) {
    throw usage(
      `A run that writes ${out} has not ended: --resume goes on with it, --cancel stops it, --force begins anew; --out names another file`,
    )
  }
  if (before === null && options.force !== true && (await isFile(out)))
    throw usage(`${out} is there already: --force writes over it, --out names another file`)

  const operation = isAgain && before !== null ? new URLSearchParams(before.query).get("operation") : options.operation
  // A run that is resumed goes on with the files, too.
  const download = options.download ?? (isAgain ? before?.download : undefined)
  const nameColumn = options.nameColumn ?? (isAgain ? before?.nameColumn : undefined)
  if (download !== undefined && !(isOperationName(operation ?? "") && OPERATIONS[operation as "resize"].makesFile))
    throw usage(`--download goes with compress and resize: ${operation} makes no files`)
  if (nameColumn !== undefined && download === undefined)
    throw usage("--name-column names the files that --download fetches: give both, or neither")

  const run = {
    ...(isAgain && before !== null ? before : newRun(list, options)),
    ...(download !== undefined && { download }),
    ...(nameColumn !== undefined && { nameColumn }),
  }
  const startedMs = performance.now()
  const client = await openClient({ url: run.url, key: options.key }, { signal })
  let seen: BatchTicket | undefined
  try {
    await makeFolder(dirname(out), { named: "--out" })
    const started = await startRun({ client, run, list, out, nameColumn, charset: options.charset, signal })
    if (process.stderr.isTTY || !options.json)
      printError(paintFor(process.stderr)("dim", `${isAgain ? "goes on" : "accepted"} as ${started.ticketId}`))
    const batch = client.batch(started.ticketId)
    if (options.cancel === true) await cancelUnlessDone(batch, signal)
    const ticket = await followWithBar({
      batch,
      run: started,
      out,
      format,
      signal,
      onTicket: (latest) => (seen = latest),
    })
    if (download !== undefined && ticket.pictures.succeeded > 0)
      await downloadWithBar({
        client,
        batch,
        ticket,
        folder: download,
        column: nameColumn,
        options,
        signal,
      })
    await endRun(out)
    const ms = performance.now() - startedMs
    tell(ticket, started, { out: started.bytes > 0 ? out : undefined, ms, json: options.json === true })
    if (new URLSearchParams(run.query).has("webhook_url")) {
      const trouble = await webhookTrouble(createApi({ url: run.url, key: options.key }), started.ticketId, signal)
      if (trouble !== null) printError(`${paintFor(process.stderr)("yellow", "webhook")} ${trouble}`)
    }
  } catch (error) {
    if (!signal.aborted && !isLost(error)) throw forTerminal(error, { url: run.url, key: options.key })
    printError(interruptedWords(run.ticketId, seen, { list, options }, signal.aborted ? "Interrupted" : "Given up"))
    throw signal.aborted ? error : forTerminal(error, { url: run.url, key: options.key })
  }
}

async function cancelUnlessDone(batch: Batch, signal: AbortSignal): Promise<void> {
  const { done } = await batch.refresh({ signal })
  if (!done) await batch.cancel({ signal })
}

type Told = { out: string | undefined; ms: number; json: boolean }

function tell(ticket: BatchTicket, run: BatchRun, { out, ms, json }: Told): void {
  if (json) print(JSON.stringify({ ...ticket, out, failed_rows: run.failedRows }))
  const failed = run.failedRows > 0 || ticket.status !== "succeeded"
  if (process.stderr.isTTY || !json)
    printError(renderSummary(ticket, run, { out, ms, paint: paintFor(process.stderr) }))
  if (failed) process.exitCode = EXIT.failed
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).size > 0
  } catch (error) {
    if (isAbsent(error)) return false
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
