import { existsSync, readdirSync, statSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import type { Log } from "../../lib/log.ts"
import { isArchive } from "./folder-reader.ts"
import { MANIFEST_FILE } from "./manifest.ts"

export type ModelFolder = { id: string; folder: string }

/** A root with one of these is itself a model's folder. */
const TELLING_FILES = ["model.json", MANIFEST_FILE, "cvexport.manifest"]

/**
 * Lists the model folders under the roots, in order. A root is a folder of model folders, or itself one. An id is a
 * folder's name; ids that differ only by case are the same, and the first one wins. An archive stands for the folder that it
 * should be. Whether a folder holds a model that can be served is for who loads it to say.
 */
export function findModels(roots: readonly string[], log: Log): ModelFolder[] {
  const found = new Map<string, ModelFolder>()
  for (const folder of roots.flatMap((root) => modelFoldersIn(resolve(root), log))) {
    const isPacked = isArchive(folder) && !isFolder(folder)
    const id = isPacked ? basename(folder).replace(/\.(tar\.)?[a-z0-9]+$/i, "") : basename(folder)
    const first = found.get(id.toLowerCase())
    // Who unpacked it has left the archive there.
    if (first && isPacked) continue
    if (first) log.warn("model.skipped", { folder, reason: `${first.folder} already has the id ${first.id}` })
    else found.set(id.toLowerCase(), { id, folder })
  }
  return [...found.values()]
}

function modelFoldersIn(root: string, log: Log): string[] {
  if (TELLING_FILES.some((file) => existsSync(join(root, file)))) return [root]
  try {
    return readdirSync(root)
      .filter((name) => !name.startsWith("."))
      .sort()
      .map((name) => join(root, name))
      .filter((path) => isFolder(path) || isArchive(path))
  } catch (error) {
    log.warn("model.root_missing", { folder: root, error })
    return []
  }
}

/** False, too, for what is gone by now. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
