import type { Log } from "../../lib/log.ts"
import { makeCopiesFolder } from "../models/copies-folder.ts"
import { findModels } from "../models/find-models.ts"
import type { EngineName } from "../models/model-info.ts"
import { ModelWatcher } from "../models/model-watcher.ts"
import { entryOf } from "./lane-pool.ts"
import { inspectModels } from "./model-inspector.ts"

/** Checks all models below the roots, for a process that serves them. @throws when none can be served */
export async function openModelWatcher(
  roots: readonly string[],
  { engine, log }: { engine: EngineName; log: Log },
): Promise<{ models: ModelWatcher; close: () => void }> {
  const copies = openCopies(log)
  const firstTime = sayOnce(log)
  const models = await ModelWatcher.open({
    find: () => findModels(roots, firstTime),
    inspect: async (folders) => {
      const inspected = await inspectModels(folders, { engine, entry: entryOf({}), copyTo: copies.path })
      for (const { info, copy } of inspected.served) {
        if (copies.path !== null && copy === null) log.warn("model.not_copied", { model: info.id, copies: copies.path })
        const { plan, reason, isWrong } = info.servedBy
        const { id, version } = info
        if (!plan) log[isWrong ? "error" : "warn"]("model.unplanned", { model: id, version, reason })
      }
      return inspected
    },
    log,
  })
  if (models.served.length > 0) return { models, close: copies.remove }
  copies.remove()
  const reasons = models.broken.map(({ id, message }) => `${id}: ${message}`).join("; ")
  throw new Error(`No model could be loaded: ${reasons || "no model folder was found"}`)
}

/** Without a place for copies all is well until a folder is changed: then lanes that have not loaded it yet cannot. */
function openCopies(log: Log): { path: string | null; remove: () => void } {
  try {
    return makeCopiesFolder()
  } catch (error) {
    log.warn("model.copies_unavailable", { error })
    return { path: null, remove: () => undefined }
  }
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
