import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { readFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { z } from "zod"
import { CliError } from "../cli-error.ts"
import { parseJson } from "../parse-json.ts"

/** Next to the models. Commit it: later pulls then get the same bytes or fail. */
const LOCK_FILE = "models.lock.json"

const lockedModel = z.object({
  source: z.string(),
  files: z.record(z.string(), z.object({ sha256: z.string(), bytes: z.number() })),
})
export type LockedModel = z.infer<typeof lockedModel>

const lockSchema = z.object({ version: z.literal(1), models: z.record(z.string(), lockedModel) })

/** What was pulled under a name the first time, or null. @throws CliError for a file that is no lock */
export async function readLocked(into: string, name: string): Promise<LockedModel | null> {
  return (await readLock(into)).models[name] ?? null
}

export async function writeLocked(into: string, name: string, model: LockedModel): Promise<void> {
  const lock = await readLock(into)
  const models = Object.fromEntries(
    Object.entries({ ...lock.models, [name]: model }).sort(([a], [b]) => (a < b ? -1 : 1)),
  )
  const draft = join(into, `.${LOCK_FILE}.${process.pid}`)
  await writeFile(draft, `${JSON.stringify({ version: 1, models }, null, 2)}\n`)
  await rename(draft, join(into, LOCK_FILE))
}

/** The names of files that differ from those that were locked, and how. */
export function differences(locked: LockedModel, found: LockedModel): string[] {
  const names = new Set([...Object.keys(locked.files), ...Object.keys(found.files)])
  return [...names].flatMap((name) => {
    const [before, now] = [locked.files[name]?.sha256, found.files[name]?.sha256]
    if (before === now) return []
    return `${name} is ${now?.slice(0, 16) ?? "gone"}, locked is ${before?.slice(0, 16) ?? "none"}`
  })
}

export async function hashFiles(folder: string, names: readonly string[]): Promise<LockedModel["files"]> {
  const files: LockedModel["files"] = {}
  for (const name of names) files[name] = await hashFile(join(folder, name))
  return files
}

async function hashFile(path: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256")
  let bytes = 0
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.byteLength
  }
  return { sha256: hash.digest("hex"), bytes }
}

async function readLock(into: string): Promise<z.infer<typeof lockSchema>> {
  const path = join(into, LOCK_FILE)
  let text: string
  try {
    text = await readFile(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { version: 1, models: {} }
    throw error
  }
  const parsed = lockSchema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw new CliError(`Cannot read ${path}: it is not a lock file of claimcheck; mend or remove it`)
}
