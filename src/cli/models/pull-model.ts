import { existsSync } from "node:fs"
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { z } from "zod"
import { type WeightsManifest, weightBytesOf, weightsManifestSchema } from "../../lib/weights-manifest.ts"
import { CliError } from "../cli-error.ts"
import { parseJson } from "../parse-json.ts"
import type { CatalogueRow } from "./catalogue.ts"
import { type DownloadOptions, download } from "./download.ts"
import { holdAlone, installFolder, mendInstall } from "./install-folder.ts"
import { differences, hashFiles, type LockedModel, readLocked, writeLocked } from "./lock-file.ts"

const MODEL_FILE = "model.json"
const MOST_MODEL_JSON_BYTES = 64 * 2 ** 20
const MOST_WEIGHT_BYTES = 2 ** 31

export type Pull = {
  row: CatalogueRow
  /** The publisher's address, or a mirror's. */
  base: string
  /** The folder of model folders. */
  into: string
  force: boolean
  imagenet: readonly string[]
  /** Loads the finished folder; what it says is told to the person. @throws CliError when it cannot be served */
  check: (folder: string) => Promise<void>
  onSize: (totalBytes: number) => void
  onBytes: (bytes: number) => void
  signal: AbortSignal
  network?: Pick<DownloadOptions, "tries" | "stallMs" | "retryBaseMs">
}

export type Pulled = { status: "pulled" | "present"; folder: string; source: string; files: LockedModel["files"] }

/**
 * Fetches a model, checks it by its lock and by loading it, and puts it in place at once. Whatever fails leaves what was
 * there as it was; a run that was broken off goes on where it was. @throws CliError
 */
export async function pullModel(pull: Pull): Promise<Pulled> {
  const { row, into } = pull
  await mkdir(into, { recursive: true })
  const letIn = await holdAlone(join(into, `.${row.name}.pulling`))
  try {
    const target = join(into, row.name)
    await mendInstall(target)
    const present = pull.force ? null : await findPresent(pull, target)
    return present ?? (await fetchAndInstall(pull, target))
  } finally {
    await letIn()
  }
}

/** @throws CliError for a folder of that name which is not what was pulled */
async function findPresent({ row, into }: Pull, target: string): Promise<Pulled | null> {
  if (!existsSync(target)) return null
  const locked = await readLocked(into, row.name)
  const names = Object.keys(locked?.files ?? {})
  const isWhole = locked !== null && names.every((name) => existsSync(join(target, name)))
  const files = isWhole ? await hashFiles(target, names) : {}
  if (locked && isWhole && differences(locked, { ...locked, files }).length === 0) {
    return { status: "present", folder: target, source: locked.source, files }
  }
  throw new CliError(`${target} is there already, and is not what was pulled: move it away, or add --force`)
}

async function fetchAndInstall(pull: Pull, target: string): Promise<Pulled> {
  const { row, into } = pull
  const source = new URL(row.path, pull.base).href
  const draft = join(into, `.${row.name}.part`)
  await mkdir(draft, { recursive: true })
  const manifest = await fetchModelJson(pull, source, draft)
  const shards = manifest.flatMap(({ paths }) => paths)
  const fetched = [MODEL_FILE, ...shards]
  await fetchShards(pull, { source, draft, shards, totalBytes: weightBytesOf(manifest) })
  try {
    const found = { source, files: await hashFiles(draft, fetched) }
    await refuseOthers(pull, found)
    await writeOwnFiles(pull, source, draft)
    await pull.check(draft)
    // The lock first: it marks the folder as pulled, and not the user's own.
    await writeLocked(into, row.name, found)
    await installFolder(draft, target)
    return { status: "pulled", folder: target, ...found }
  } catch (error) {
    // All came, and it is not what it should be: none of it is worth keeping.
    if (!pull.signal.aborted) await rm(draft, { recursive: true, force: true })
    throw error
  }
}

const modelJsonSchema = z.looseObject({ modelTopology: z.looseObject({}), weightsManifest: weightsManifestSchema })

/** Fetched anew by every run: it is small, and says whether the shards of an earlier run are of this version. */
async function fetchModelJson(pull: Pull, source: string, draft: string): Promise<WeightsManifest> {
  const [fresh, kept] = [join(draft, `${MODEL_FILE}.new`), join(draft, MODEL_FILE)]
  await rm(fresh, { force: true })
  await download(source, fresh, { ...pull.network, signal: pull.signal, maxBytes: MOST_MODEL_JSON_BYTES })
  const text = await readFile(fresh, "utf8")
  if (existsSync(kept) && (await readFile(kept, "utf8")) !== text) {
    await rm(draft, { recursive: true })
    await mkdir(draft)
    await writeFile(fresh, text)
  }
  const parsed = modelJsonSchema.safeParse(parseJson(text))
  if (!parsed.success) {
    await rm(draft, { recursive: true, force: true })
    const [issue] = parsed.error.issues
    const where = issue?.path.length ? `${issue.path.join(".")}: ` : ""
    throw new CliError(`What ${source} gives is not a TF.js model: ${where}${issue?.message}`)
  }
  await rename(fresh, kept)
  return parsed.data.weightsManifest
}

type Shards = { source: string; draft: string; shards: readonly string[]; totalBytes: number }

async function fetchShards(pull: Pull, { source, draft, shards, totalBytes }: Shards): Promise<void> {
  if (totalBytes > MOST_WEIGHT_BYTES) throw new CliError(`${source} names ${totalBytes} bytes of weights: too many`)
  pull.onSize(totalBytes)
  let bytes = 0
  for (const shard of shards) {
    const file = join(draft, shard)
    await mkdir(dirname(file), { recursive: true })
    if (!existsSync(file)) {
      const url = new URL(shard.split("/").map(encodeURIComponent).join("/"), source).href
      const onBytes = (now: number) => pull.onBytes(bytes + now)
      await download(url, file, { ...pull.network, signal: pull.signal, maxBytes: totalBytes - bytes, onBytes })
    }
    bytes += (await stat(file)).size
    pull.onBytes(bytes)
  }
  if (bytes === totalBytes) return
  await rm(draft, { recursive: true, force: true })
  throw new CliError(
    `What came from ${source} has ${bytes} bytes of weights, its ${MODEL_FILE} describes ${totalBytes}`,
  )
}

async function refuseOthers({ row, into }: Pull, found: LockedModel): Promise<void> {
  const locked = await readLocked(into, row.name)
  const changes = locked === null ? [] : differences(locked, found)
  if (changes.length === 0) return
  throw new CliError(
    `${row.name} is refused: it is not what was pulled the first time (sha256: ${changes.join("; ")}). If the publisher has \
replaced it and you trust that, remove "${row.name}" from ${join(into, "models.lock.json")}.`,
    { code: "lock_mismatch" },
  )
}

async function writeOwnFiles({ row, imagenet }: Pull, source: string, draft: string): Promise<void> {
  const labels = row.labels === "imagenet" ? imagenet : ["background", ...imagenet]
  await writeFile(join(draft, "labels.txt"), `${labels.join("\n")}\n`)
  const manifest = { name: row.title, ...row.settings, language: "en", licence: row.licence, source }
  await writeFile(join(draft, "claimcheck.json"), `${JSON.stringify(manifest, null, 2)}\n`)
}
