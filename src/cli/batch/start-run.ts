import { readFile } from "node:fs/promises"
import { extname } from "node:path"
import { ApiError } from "../api.ts"
import { CliError } from "../cli-error.ts"
import { BadRowsError, type BatchApi, PASSING } from "./batch-api.ts"
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
  EISDIR: "it is a folder; a list is a file of URLs, and `claimcheck classify` takes folders of pictures",
  EACCES: "it may not be read; check its permissions",
}

type Start = { api: Pick<BatchApi, "submit">; run: BatchRun; list: string; out: string }

/** Sends the list unless that was done; sent twice under one key it is one batch. */
export async function startRun({ api, run, list, out }: Start): Promise<BatchRun & { ticketId: string }> {
  const { ticketId } = run
  if (ticketId !== undefined) return Object.assign(run, { ticketId })
  const bytes = await readList(list)
  await saveRun(out, run)
  const contentType = CONTENT_TYPES[extname(list).toLowerCase()] ?? "application/octet-stream"
  try {
    const query = new URLSearchParams(run.query)
    const ticket = await api.submit(bytes, { contentType, query, idempotencyKey: run.idempotencyKey })
    const started = Object.assign(run, { ticketId: ticket.id })
    await saveRun(out, started)
    return started
  } catch (error) {
    // Refused for good; after anything else an earlier try may have made the batch, which is found by its key.
    if (error instanceof ApiError && error.status < 500 && !PASSING.has(error.status)) await endRun(out)
    if (error instanceof BadRowsError) {
      // The server's words name its own option.
      const said = renderBadRows(error).replace("on_invalid=skip", "--on-invalid skip")
      throw new CliError(said, { code: error.code, cause: error })
    }
    throw error
  }
}

async function readList(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(file))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new CliError(`Cannot read ${file}: ${ADVICE[code ?? ""] ?? code}`, { code: "unreadable", cause })
  }
}
