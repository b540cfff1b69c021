import { createHash } from "node:crypto"
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { extname } from "node:path"
import { buffer } from "node:stream/consumers"
import { parse } from "csv-parse/sync"
import { type Claimcheck, ClaimcheckError } from "../../lib/client/claimcheck.ts"
import { forTerminal } from "../api/edge-client.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { STDIN } from "../files/read-image-file.ts"
import { printError } from "../terminal/terminal.ts"
import { type BatchRun, endRun, saveRun } from "./batch-run.ts"
import { renderBadRows } from "./render-batch.ts"

const CONTENT_TYPES: Record<string, string> = {
  ".csv": "text/csv",
  ".tsv": "text/tab-separated-values",
  ".jsonl": "application/jsonl",
  ".ndjson": "application/jsonl",
  ".json": "application/json",
}

const ADVICE: Record<string, string> = {
  ENOENT: "there is no such file",
  ENOTDIR: "part of its path is a file, not a folder",
  EISDIR: "it is a folder; a list is a file of URLs, and `claimcheck classify` takes folders of images",
  EACCES: "it may not be read; check its permissions",
}

type Start = {
  client: Pick<Claimcheck, "submitBatch">
  run: BatchRun
  list: string
  out: string
  /** A column that the list must have. */
  nameColumn?: string | undefined
  /** Of a list that is not UTF-8 and does not say so. */
  charset?: string | undefined
  signal: AbortSignal
}

/** Sends the list unless it was sent; the same key makes it one batch. */
export async function startRun({
  client,
  run,
  list,
  out,
  nameColumn,
  charset,
  signal,
}: Start): Promise<BatchRun & { ticketId: string }> {
  const { ticketId } = run
  if (ticketId !== undefined) {
    if (await hasChanged(run, list))
      printError(`note: ${list} has changed since it was sent; the batch goes on without that`)
    return Object.assign(run, { ticketId })
  }
  const type = contentTypeOf(list, charset)
  const bytes = await readList(list)
  run.listSha256 = sha256Of(bytes)
  if (nameColumn !== undefined) assertColumn(bytes, nameColumn, charset)
  await saveRun(out, run)
  const file = new Blob([bytes], { type })
  try {
    const options = Object.fromEntries(new URLSearchParams(run.query))
    const { id } = await client.submitBatch(file, { options, idempotencyKey: run.idempotencyKey, signal })
    const started = Object.assign(run, { ticketId: id })
    await saveRun(out, started)
    return started
  } catch (error) {
    if (!(error instanceof ClaimcheckError)) throw error
    // Refused permanently. After other errors an earlier attempt may have created the batch, which its key finds.
    if (!error.isTransient) await endRun(out)
    const { code, problem } = error
    const { message } = forTerminal(error, run) as CliError
    throw new CliError(renderBadRows(message, problem), { code, cause: error })
  }
}

function contentTypeOf(list: string, charset: string | undefined): string {
  const type = CONTENT_TYPES[extname(list).toLowerCase()] ?? ""
  return charset === undefined ? type : `${type || "application/octet-stream"}; charset=${newDecoder(charset).encoding}`
}

/** @throws CliError for an encoding that is not known here */
function newDecoder(charset: string | undefined): TextDecoder {
  try {
    return new TextDecoder(charset)
  } catch (cause) {
    throw new CliError(`There is no encoding ${charset}: --charset takes windows-1252, iso-8859-1, shift_jis, …`, {
      exitCode: EXIT.usage,
      cause,
    })
  }
}

const sha256Of = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

async function hasChanged({ listSha256 }: BatchRun, list: string): Promise<boolean> {
  if (listSha256 === undefined || list === STDIN || !existsSync(list)) return false
  return sha256Of(await readList(list)) !== listSha256
}

/** What a list's columns are is for the server to say; that one is nowhere in it can be seen here, before anything is sent. */
function assertColumn(list: Uint8Array, column: string, charset: string | undefined): void {
  const text = newDecoder(charset).decode(list)
  // UTF-16, or no list at all.
  if (text.includes("\0") || text.includes(JSON.stringify(column))) return
  const header = /^.*/.exec(text.replace(/^\uFEFF?\s*/, ""))?.[0] ?? ""
  const columnsBy = (delimiter: string) =>
    (parse(header, { delimiter, to: 1, relax_quotes: true, skip_records_with_error: true }) as string[][])[0] ?? []
  const tried = [",", ";", "\t", "|"].map(columnsBy)
  if (/^[[{]/.test(header) || !tried.some((names) => names.some((name) => name.trim() === column))) {
    const names = tried.sort((a, b) => b.length - a.length)[0] ?? []
    const there = /^[[{]/.test(header) ? "" : `; it has ${names.join(", ")}`
    throw new CliError(`Cannot name the files: the list has no column ${JSON.stringify(column)}${there}`, {
      exitCode: EXIT.usage,
    })
  }
}

async function readList(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(file === STDIN ? await buffer(process.stdin) : await readFile(file))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new CliError(`Cannot read ${file}: ${ADVICE[code ?? ""] ?? code}`, { code: "unreadable", cause })
  }
}
