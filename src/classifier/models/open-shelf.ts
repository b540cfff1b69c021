import type { Log } from "../../lib/log.ts"
import { entryOf } from "../lane/lane-pool.ts"
import { inspectModels } from "../lane/model-inspector.ts"
import { makeCopiesFolder } from "./copies-folder.ts"
import { findModels } from "./find-models.ts"
import { ModelShelf } from "./model-shelf.ts"

/** Checks all models below the roots, for a process that serves them. @throws when none can be served */
export async function openShelf(roots: readonly string[], log: Log): Promise<{ shelf: ModelShelf; close: () => void }> {
  const copies = makeCopiesFolder()
  const firstTime = sayOnce(log)
  const shelf = await ModelShelf.open({
    find: () => findModels(roots, firstTime),
    inspect: (folders) => inspectModels(folders, { entry: entryOf({}), copyTo: copies.path }),
    log,
  })
  if (shelf.served.length > 0) return { shelf, close: copies.remove }
  copies.remove()
  const reasons = shelf.broken.map(({ id, message }) => `${id}: ${message}`).join("; ")
  throw new Error(`No model could be loaded: ${reasons || "no model folder was found"}`)
}

/** The folders are looked at again and again; what is wrong with one is said once. */
function sayOnce(log: Log): Log {
  const said = new Set<string>()
  return {
    ...log,
    warn: (event, fields = {}) => {
      const line = JSON.stringify([event, fields.folder, fields.reason])
      if (!said.has(line)) log.warn(event, fields)
      said.add(line)
    },
  }
}
