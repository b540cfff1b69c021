import type { FolderReader } from "../folder-reader.ts"
import { ModelError } from "../model-error.ts"

/** Reads a small JSON file of an export, as an object. Throws a ModelError that names it. */
export async function readJsonFile(folder: FolderReader, name: string): Promise<Record<string, unknown>> {
  const text = new TextDecoder().decode((await folder.peek(name)) ?? new Uint8Array())
  try {
    const json: unknown = JSON.parse(text)
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as Record<string, unknown>
  } catch (cause) {
    throw new ModelError("bad_metadata", `Cannot read ${name}: it is not JSON`, { cause })
  }
  throw new ModelError("bad_metadata", `Cannot read ${name}: it is not a JSON object`)
}
