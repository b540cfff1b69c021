import { stat } from "node:fs/promises"
import { join } from "node:path"
import * as z from "zod"
import type { Batch, Claimcheck } from "../../lib/client/claimcheck.ts"
import { endingOf, IMAGE_ENDINGS } from "../../lib/images/image-formats.ts"
import { runInOrder } from "../classify/run-in-order.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { makeFolder } from "../files/make-folder.ts"
import { fileNameOf } from "../files/picture-url.ts"
import { saveOutput } from "../operations/save-output.ts"
import { parseJson } from "../parse-json.ts"

const PAGE_ROWS = 1_000
const CONCURRENCY = 4
const MAX_NAME_CHARS = 100

const rowSchema = z.object({
  row: z.number(),
  input: z.record(z.string(), z.unknown()),
  results: z.array(
    z.object({
      url: z.string().optional(),
      output: z.object({ url: z.string(), content_type: z.string(), bytes: z.number(), sha256: z.string() }).optional(),
    }),
  ),
})
type Row = z.infer<typeof rowSchema>
type File = { path: string; output: NonNullable<Row["results"][number]["output"]> }

export type Download = {
  client: Pick<Claimcheck, "output">
  batch: Pick<Batch, "results">
  folder: string
  /** Whose cells name the files; without it the pictures' URLs do. */
  column?: string | undefined
  force: boolean
  signal: AbortSignal
  onSaved: (count: number) => void
}

/**
 * The files that a batch has made, in a folder, each by its row's name. What an earlier run has fetched is left as it is.
 * @throws CliError for a column that the list has not, and for a file that cannot be fetched or written
 */
export async function downloadOutputs(download: Download): Promise<{ files: number }> {
  const { client, batch, folder, force, signal, onSaved } = download
  await makeFolder(folder, { named: "--download" })
  const names = new Map<string, number>()
  let saved = 0
  for (let after = 0; ; ) {
    const page = await batch.results({ format: "jsonl", after, limit: PAGE_ROWS, signal })
    const lines = (await page.body.text()).split("\n").filter((line) => line !== "")
    const files = lines.flatMap((line) => filesOf(rowSchema.parse(parseJson(line)), download, names))
    await runInOrder(files, {
      concurrency: CONCURRENCY,
      work: async ({ path, output }) => {
        if (force || (await sizeOf(path)) !== output.bytes) await saveOutput(path, { output, client, force, signal })
      },
      tell: () => onSaved(++saved),
    })
    after = page.nextAfter
    if (page.isComplete || lines.length === 0) return { files: saved }
  }
}

function filesOf({ row, input, results }: Row, { folder, column }: Download, names: Map<string, number>): File[] {
  if (column !== undefined && !Object.hasOwn(input, column)) {
    const there = Object.keys(input).join(", ")
    throw new CliError(`Cannot name the files: row ${row} has no column ${JSON.stringify(column)}; it has ${there}`, {
      exitCode: EXIT.usage,
    })
  }
  return results.flatMap(({ url = "", output }) => {
    if (output === undefined) return []
    const text = column === undefined ? fileNameOf(url) : String(input[column])
    const plain = safeName(text) || `row-${row}`
    // Two rows of one name, or several pictures of a row: none takes the other's place.
    const key = `${plain}.${endingOf(output.content_type)}`.toLowerCase()
    const times = (names.get(key) ?? 0) + 1
    names.set(key, times)
    const name = times === 1 ? plain : `${plain}-${times}`
    return [{ path: join(folder, `${name}.${endingOf(output.content_type)}`), output }]
  })
}

const OUTPUT_ENDING = new RegExp(`\\.(${IMAGE_ENDINGS.join("|")}|npy|json)$`, "i")

/** Cells are untrusted: a name must not leave the folder or start with a dot. */
function safeName(text: string): string {
  const stem = text.replace(OUTPUT_ENDING, "")
  return stem
    .replace(/[^\p{L}\p{N}._ -]/gu, "_")
    .replace(/^[. ]+/, "")
    .slice(0, MAX_NAME_CHARS)
    .trim()
}

async function sizeOf(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null)
  return found === null ? null : found.size
}
