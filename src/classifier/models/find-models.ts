import { existsSync, readdirSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import type { Log } from "../../lib/log.ts"

export type ModelFolder = { id: string; folder: string }

const MODEL_ID = /^[a-z0-9][a-z0-9_.-]{0,63}$/i

/**
 * Lists the model folders under the roots, in order. A root is a folder of model folders, or itself a folder with a
 * model.json. An id is a folder's name; ids that differ only by case are the same, and the first one wins.
 */
export function findModels(roots: readonly string[], log: Log): ModelFolder[] {
  const found = new Map<string, ModelFolder>()
  for (const folder of roots.flatMap((root) => modelFoldersIn(resolve(root), log))) {
    const id = basename(folder)
    const first = found.get(id.toLowerCase())
    if (!MODEL_ID.test(id))
      log.warn("model.skipped", { folder, reason: `a folder's name must match ${MODEL_ID.source}` })
    else if (first) log.warn("model.skipped", { folder, reason: `${first.folder} already has the id ${first.id}` })
    else found.set(id.toLowerCase(), { id, folder })
  }
  return [...found.values()]
}

function modelFoldersIn(root: string, log: Log): string[] {
  if (isModelFolder(root)) return [root]
  if (!existsSync(root)) {
    log.warn("model.root_missing", { folder: root })
    return []
  }
  return readdirSync(root)
    .sort()
    .map((name) => join(root, name))
    .filter(isModelFolder)
}

function isModelFolder(folder: string): boolean {
  return existsSync(join(folder, "model.json"))
}
