import { readFile, rename, rm, writeFile } from "node:fs/promises"
import * as z from "zod"
import { CliError } from "../cli-error.ts"
import { parseJson } from "../parse-json.ts"

const runSchema = z.object({
  /** Of the edge that has the batch. */
  url: z.string(),
  list: z.string(),
  query: z.string(),
  /** Of the list as it was sent. */
  listSha256: z.string().optional(),
  /** Where the files that are made go, and the column that names them. */
  download: z.string().optional(),
  nameColumn: z.string().optional(),
  /** Made before the list is sent: a run that dies meanwhile finds its batch again by it. */
  idempotencyKey: z.string(),
  ticketId: z.string().optional(),
  /** Rows that are in the results file, and how long the file is with them. */
  rows: z.number(),
  bytes: z.number(),
  /** How often what went wrong, for the summary. */
  failures: z.record(z.string(), z.number()),
  failedRows: z.number(),
})
/** How far a run of `claimcheck batch` has come, as it stands beside its results. */
export type BatchRun = z.infer<typeof runSchema>

export const runFileOf = (out: string): string => `${out}.claimcheck-run.json`

/** The run that wrote these results and has not ended, or null. @throws CliError when its file is damaged */
export async function readRun(out: string): Promise<BatchRun | null> {
  let text: string
  try {
    text = await readFile(runFileOf(out), "utf8")
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
  const parsed = runSchema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw new CliError(`Cannot resume: ${runFileOf(out)} is damaged; delete it to begin anew`)
}

/** A file in the path is reported when the folder is created. */
export function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === "ENOENT" || code === "ENOTDIR"
}

/** Whole or not at all: a process can be killed at any moment. */
export async function saveRun(out: string, run: BatchRun): Promise<void> {
  const file = runFileOf(out)
  await writeFile(`${file}.new`, JSON.stringify(run))
  await rename(`${file}.new`, file)
}

export const endRun = (out: string): Promise<void> => rm(runFileOf(out), { force: true })
