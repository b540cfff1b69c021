import { recogniseExport, settingsOfTopology } from "./exports/recognise-export.ts"
import { findModelJson, openModelFolder } from "./find-model-json.ts"
import type { FolderReader } from "./folder-reader.ts"
import { type Labels, readLabels } from "./labels.ts"
import { MANIFEST_FILE, type Manifest, parseManifest, sourceOf } from "./manifest.ts"
import { ModelError } from "./model-error.ts"
import { type ModelJson, parseModelJson } from "./model-json.ts"

export type ModelFiles = {
  /** The tool that wrote the folder, as far as its files tell. */
  tool: string
  manifest: Manifest
  /** Where what the manifest says under a key comes from. */
  sourceOf: (key: string) => string
  modelJson: ModelJson
  weights: ArrayBuffer
  /** Null where no file names the classes. */
  labels: Labels | null
  version: string
  /** Every file that was read, by its path in the folder. */
  files: ReadonlyMap<string, Uint8Array>
}

/** Reads all that a model folder serves from, once, so that its version is the hash of what was really loaded. */
export async function readModelFiles(path: string): Promise<ModelFiles> {
  const folder = await openModelFolder(path)
  const text = await folder.useText(MANIFEST_FILE)
  const { tool, settings: exported } = await recogniseExport(folder)
  const file = await findModelJson(folder, parseManifest(text, exported).model)
  const modelText = await folder.useText(file)
  if (modelText === null) throw new ModelError("missing_file", `Cannot find ${file} in ${path}`)
  const modelJson = parseModelJson(modelText, file)

  const settings = [...exported, ...settingsOfTopology(modelJson.artifacts.modelTopology, file)]
  const manifest = parseManifest(text, settings)
  const source = (key: string) => sourceOf(key, { text, settings })
  const weights = await readWeights(folder, modelJson)
  const labels = await readLabels(folder, manifest, source("labels"))
  return {
    tool,
    manifest,
    sourceOf: source,
    modelJson,
    weights,
    labels,
    version: folder.version(),
    files: folder.used,
  }
}

async function readWeights(
  folder: FolderReader,
  { file, shardPaths, weightBytes, hasStrings }: ModelJson,
): Promise<ArrayBuffer> {
  const shards: Uint8Array[] = []
  for (const path of shardPaths) {
    const shard = await folder.use(path)
    if (shard === null) throw new ModelError("missing_file", `Cannot find shard ${path}, which ${file} names`)
    shards.push(shard)
  }
  const bytes = shards.reduce((sum, shard) => sum + shard.byteLength, 0)
  if (bytes < weightBytes || (bytes > weightBytes && !hasStrings)) {
    const sizes = shardPaths.map((path, index) => `${path} (${shards[index]?.byteLength})`).slice(0, 8)
    const described = `The shards have ${bytes} bytes, ${file} describes ${weightBytes}`
    throw new ModelError("shard_size", `${described}: ${sizes.join(", ")}`)
  }
  const joined = new Uint8Array(bytes)
  let offset = 0
  for (const shard of shards) {
    joined.set(shard, offset)
    offset += shard.byteLength
  }
  return joined.buffer
}
