import { mkdir, rename, rm, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { loadModel } from "../engine/tfjs/load-model.ts"
import type { ModelFolder } from "../models/find-models.ts"
import { ModelError } from "../models/model-error.ts"
import { assertModelId } from "../models/model-id.ts"
import type { FromLane } from "./lane-messages.ts"

/** Loads a folder's model, checks it, and lets it go. What was read is kept as a copy, which no later change can touch. */
export async function inspectFolder(model: ModelFolder, copyTo: string | null): Promise<FromLane> {
  const { id, folder } = model
  try {
    assertModelId(id)
    const loaded = await loadModel(id, folder)
    loaded.dispose()
    const target = copyTo === null ? null : join(copyTo, `${id}@${loaded.info.version}`)
    const copy = target !== null && (await keepCopy(target, loaded.files.files)) ? target : null
    return { type: "inspected", model: { info: loaded.info, folder, copy } }
  } catch (error) {
    const code = error instanceof ModelError ? error.code : "load_failed"
    return {
      type: "broken",
      model: { ...model, code, message: error instanceof Error ? error.message : String(error) },
    }
  }
}

/**
 * A copy that is there is whole: it gets its name when all is written. False where there is no room for one: then lanes have
 * the folder itself.
 */
async function keepCopy(target: string, files: ReadonlyMap<string, Uint8Array>): Promise<boolean> {
  const draft = `${target}.draft`
  try {
    await rm(draft, { recursive: true, force: true })
    for (const [path, bytes] of files) {
      await mkdir(dirname(join(draft, path)), { recursive: true })
      await writeFile(join(draft, path), bytes)
    }
    await rm(target, { recursive: true, force: true })
    await rename(draft, target)
    return true
  } catch (error) {
    if (error instanceof Error && "code" in error) return false
    throw error
  }
}
