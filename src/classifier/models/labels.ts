import type { FolderReader } from "./folder-reader.ts"
import { MANIFEST_FILE, type Manifest } from "./manifest.ts"
import { ModelError } from "./model-error.ts"

export type Labels = {
  /** Where they stand, for people. */
  from: string
  labels: readonly string[]
  /** By language (BCP 47), each as long as `labels`. */
  byLanguage: ReadonlyMap<string, readonly string[]>
}

/** What people call the file where nothing names it, in the order of preference. */
const USUAL = ["labels", "label", "class_names", "classes", "class_indices"].flatMap((stem) => [
  `${stem}.txt`,
  `${stem}.json`,
])

/**
 * Reads the labels that the manifest names, or that lie there under a usual name, and those of other languages beside them:
 * labels.de.txt. Null where there are none.
 */
export async function readLabels(folder: FolderReader, manifest: Manifest, from: string): Promise<Labels | null> {
  const named = manifest.labels ?? USUAL.find((name) => folder.has(name))
  if (named === undefined) return null
  const file = typeof named === "string" ? named : null
  const labels = typeof named === "string" ? await readLabelsFile(folder, named) : [...named]
  const byLanguage = new Map<string, readonly string[]>()
  if (manifest.language !== undefined) byLanguage.set(canonical(manifest.language) ?? manifest.language, labels)
  for (const [name, language] of translationsOf(file ?? "labels.txt", folder.names)) {
    const translated = parseLabels((await folder.useText(name)) ?? "")
    if (translated.length !== labels.length) {
      const message = `${name} has ${translated.length} labels, ${file ?? from} has ${labels.length}`
      throw new ModelError("labels_count", message)
    }
    byLanguage.set(language, translated)
  }
  return { from: file ?? from, labels, byLanguage }
}

/** For a model that no file names the classes of. */
export function numberedLabels(count: number): Labels {
  const labels = Array.from({ length: count }, (_, index) => `class ${index}`)
  return { from: "no file of labels: numbered", labels, byLanguage: new Map() }
}

/** The labels of a language, else of its primary language (de for de-AT), else those that the model came with. */
export function labelsIn({ labels, byLanguage }: Labels, language?: string): readonly string[] {
  const tag = language === undefined ? undefined : canonical(language)
  if (tag === undefined) return labels
  return byLanguage.get(tag) ?? byLanguage.get(tag.split("-")[0] ?? tag) ?? labels
}

async function readLabelsFile(folder: FolderReader, file: string): Promise<string[]> {
  const text = await folder.useText(file)
  if (text !== null) return file.toLowerCase().endsWith(".json") ? parseJsonLabels(text, file) : parseLabels(text)
  const message = `Cannot find ${file}, the file of labels: one a line, in the order of the model's classes`
  throw new ModelError("missing_file", `${message} (${MANIFEST_FILE}: labels may name another)`)
}

/** One label a line; the line breaks that end the file start no label. */
function parseLabels(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .trimEnd()
    .split("\n")
    .map((line) => line.trim())
}

/** A list, which may be all that an object holds; or an object from class to number, as Keras' class_indices, or back. */
function parseJsonLabels(text: string, file: string): string[] {
  const refuse = (cause?: unknown) => {
    const forms = '["cat", "dog"], {"cat": 0, "dog": 1} or {"0": "cat", "1": "dog"}'
    return new ModelError("bad_metadata", `Cannot read ${file}: expected ${forms}`, { cause })
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw refuse(cause)
  }
  if (typeof json !== "object" || json === null) throw refuse()
  const [list = json, ...more] = Object.values(json).filter(Array.isArray)
  const pairs = Object.entries(more.length === 0 ? list : json).map(([key, value]) =>
    typeof value === "number" ? [value, key] : [key, value],
  )
  const sorted = pairs.toSorted(([a], [b]) => Number(a) - Number(b))
  if (!sorted.every(([at, label], index) => Number(at) === index && typeof label === "string")) throw refuse()
  return sorted.map(([, label]) => String(label))
}

function* translationsOf(file: string, names: readonly string[]): Generator<[name: string, language: string]> {
  const dot = file.lastIndexOf(".")
  const [stem, ending] = dot < 0 ? [file, ""] : [file.slice(0, dot), file.slice(dot)]
  for (const name of names) {
    if (!name.startsWith(`${stem}.`) || !name.endsWith(ending) || name.length <= stem.length + 1 + ending.length)
      continue
    const language = canonical(name.slice(stem.length + 1, name.length - ending.length))
    if (language !== undefined) yield [name, language]
  }
}

function canonical(language: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(language)[0]
  } catch {
    // labels.backup.txt is no language, and a request may ask for anything.
    return undefined
  }
}
