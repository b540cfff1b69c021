import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { MANIFEST_FILE, type Manifest, parseManifest } from "./manifest.ts"
import { ModelError } from "./model-error.ts"
import { type ModelJson, parseModelJson } from "./model-json.ts"

export type ModelFiles = {
  manifest: Manifest
  modelJson: ModelJson
  weights: ArrayBuffer
  labels: string[]
  version: string
}

/** Reads all that a model folder serves from, once, so that its version is the hash of what was really loaded. */
export async function readModelFiles(folder: string): Promise<ModelFiles> {
  const files = new Map<string, Uint8Array>()
  const read = async (name: string) => {
    const bytes = await readOrNull(join(folder, name))
    if (bytes !== null) files.set(name, bytes)
    return bytes
  }
  const readText = async (name: string, from: string) => {
    const bytes = await read(name)
    if (bytes === null) throw new ModelError("missing_file", `Cannot find ${name}${from}`)
    return new TextDecoder().decode(bytes)
  }

  const manifestBytes = await read(MANIFEST_FILE)
  const manifest = parseManifest(manifestBytes === null ? null : new TextDecoder().decode(manifestBytes))
  const modelJson = parseModelJson(await readText("model.json", ""))
  const shards: Uint8Array[] = []
  for (const path of modelJson.shardPaths) {
    const shard = await read(path)
    if (shard === null) throw new ModelError("missing_file", `Cannot find shard ${path}, which model.json names`)
    shards.push(shard)
  }
  const labels = parseLabels(await readText(manifest.labels, `, the file of labels (${MANIFEST_FILE}: labels)`))
  return { manifest, modelJson, weights: joinShards(shards, modelJson.weightBytes), labels, version: hashFiles(files) }
}

async function readOrNull(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null
    throw new ModelError("missing_file", `Cannot read ${path}`, { cause: error })
  }
}

/** One label a line; the line break that ends the file starts no label. */
function parseLabels(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .trimEnd()
    .split("\n")
    .map((line) => line.trim())
}

function joinShards(shards: Uint8Array[], expectedBytes: number): ArrayBuffer {
  const bytes = shards.reduce((sum, shard) => sum + shard.byteLength, 0)
  if (bytes !== expectedBytes) {
    throw new ModelError("shard_size", `The shards have ${bytes} bytes, model.json describes ${expectedBytes}`)
  }
  const joined = new Uint8Array(bytes)
  let offset = 0
  for (const shard of shards) {
    joined.set(shard, offset)
    offset += shard.byteLength
  }
  return joined.buffer
}

function hashFiles(files: Map<string, Uint8Array>): string {
  const hash = createHash("sha256")
  // Names and lengths go in too: no two sets of files may read as the same bytes.
  for (const name of [...files.keys()].sort()) {
    const bytes = files.get(name) ?? new Uint8Array()
    hash.update(`${name}\0${bytes.byteLength}\0`).update(bytes)
  }
  return hash.digest("hex").slice(0, 12)
}
