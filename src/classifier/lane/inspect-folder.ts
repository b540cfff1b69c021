import { mkdir, rename, rm, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { Engine } from "../engine/engine.ts"
import type { ModelFolder } from "../models/find-models.ts"
import { ModelError } from "../models/model-error.ts"
import { assertModelId } from "../models/model-id.ts"
import type { ServedBy } from "../models/model-info.ts"
import type { FromLane } from "./lane-messages.ts"

/** Has the engine check a folder's model. What was read is kept as a copy, with its plan, which no later change can touch. */
export async function inspectFolder(
  model: ModelFolder,
  { engine, copyTo }: { engine: Engine; copyTo: string | null },
): Promise<FromLane> {
  const { id, folder } = model
  try {
    assertModelId(id)
    const { info, files } = await engine.check(id, folder)
    const target = copyTo === null ? null : join(copyTo, `${id}@${info.version}`)
    if (target !== null && (await keepCopy(target, files))) {
      return { type: "inspected", model: { info, folder, copy: target } }
    }
    // The plan lies in the copy.
    const servedBy: ServedBy = { engine: "wasm", plan: false, reason: info.servedBy.reason ?? "No room for its plan" }
    return { type: "inspected", model: { info: { ...info, servedBy }, folder, copy: null } }
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
