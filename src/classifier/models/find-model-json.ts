import { FolderReader } from "./folder-reader.ts"
import { MANIFEST_FILE } from "./manifest.ts"
import { ModelError } from "./model-error.ts"

const USUAL = "model.json"
/** A folder with one of these is what it is; what lies in folders below it is something else. */
const TELLING = /\.(json|txt|bin|manifest|tflite|onnx|h5|keras|pb|pt|pth|safetensors)$/i
const LARGEST_JSON_BYTES = 256 * 2 ** 20

/** Files of other tools, and what would make a TF.js model of them. */
const FOREIGN: readonly [pattern: RegExp, what: string][] = [
  [/\.tflite$/i, "a TensorFlow Lite model"],
  [/\.onnx$/i, "an ONNX model"],
  [/\.(h5|keras)$/i, "a Keras model"],
  [/\.pb$/i, "a TensorFlow SavedModel"],
  [/\.(pt|pth|safetensors)$/i, "PyTorch weights"],
  [/\.zip$/i, "an archive: unpack it"],
]

/**
 * The folder that the model's files lie in: the one that was named, or the only one in it, as archives unpack. Its files are
 * read as if they lay in the folder itself.
 */
export async function openModelFolder(path: string): Promise<FolderReader> {
  const folder = await FolderReader.open(path)
  if (folder.names.some((name) => TELLING.test(name))) return folder
  const inner = []
  for (const name of folder.subfolders) {
    const candidate = await FolderReader.open(`${path}/${name}`)
    if (candidate.has(USUAL)) inner.push(candidate)
  }
  return inner.length === 1 && inner[0] !== undefined ? inner[0] : folder
}

/** The file in the folder that is its TF.js model: the one asked for, else model.json, else the only one there is. */
export async function findModelJson(folder: FolderReader, asked: string | undefined): Promise<string> {
  if (asked !== undefined) return asked
  const found = []
  for (const name of folder.names) if (await looksLikeModel(folder, name)) found.push(name)
  if (found.length > 1) {
    const names = found.join(" and ")
    throw new ModelError("several_models", `${folder.folder} holds ${names}: name one in ${MANIFEST_FILE}: model`)
  }
  if (found[0] !== undefined) return found[0]
  throw await whyNone(folder)
}

async function looksLikeModel(folder: FolderReader, name: string): Promise<boolean> {
  if (name.toLowerCase() === USUAL) return true
  if (!name.toLowerCase().endsWith(".json") || name === MANIFEST_FILE) return false
  const bytes = await folder.peek(name)
  if (bytes === null || bytes.byteLength > LARGEST_JSON_BYTES) return false
  const text = new TextDecoder().decode(bytes)
  return text.includes('"weightsManifest"') && text.includes('"modelTopology"')
}

async function whyNone(folder: FolderReader): Promise<ModelError> {
  const say = (code: "no_model" | "several_models", reason: string) => {
    return new ModelError(code, `${folder.folder} has no ${USUAL}: ${reason}`)
  }
  if (folder.names.length === 0 && folder.subfolders.length === 0) return say("no_model", "the folder is empty")
  for (const [pattern, what] of FOREIGN) {
    const name = folder.names.find((candidate) => pattern.test(candidate))
    if (name === undefined) continue
    const help = what.includes(":") ? what : `${what}: export or convert it to TensorFlow.js`
    return say("no_model", `${name} is ${help}`)
  }
  const nested = []
  for (const name of folder.subfolders) if (await folder.peek(`${name}/${USUAL}`)) nested.push(name)
  if (nested.length > 1) return say("several_models", `${nested.join(" and ")} have; give each a place of its own`)
  if (nested.length === 1) return say("no_model", `it lies in the folder ${nested[0]} inside: take that one`)
  return say("no_model", `there are only ${[...folder.names, ...folder.subfolders].slice(0, 5).join(", ")}`)
}
