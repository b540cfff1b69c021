import { accessSync, constants, statSync } from "node:fs"
import { delimiter, join } from "node:path"

/** The first of the names that is an executable file on the path; null when none is. */
export function findExecutable(names: readonly string[], path = process.env.PATH ?? ""): string | null {
  const folders = path.split(delimiter).filter((folder) => folder !== "")
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)))
  return candidates.find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Missing or not executable: try the next candidate.
    return false
  }
}
