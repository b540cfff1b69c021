import { randomUUID } from "node:crypto"
import { mkdir, open, rename, rm } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { AppError } from "../../lib/app-error.ts"
import { fileNameOf } from "./output-name.ts"
import type { OutputStore } from "./output-store.ts"

/**
 * Outputs as files of this machine, for good. A file is there whole or not at all, whatever dies meanwhile.
 * @param publicUrl where something else serves the folder; without it an output is told as a file: URL
 */
export function folderOutputs(folder: string, publicUrl?: string): OutputStore {
  const root = resolve(folder)
  const base = publicUrl === undefined ? pathToFileURL(`${root}/`).href : publicUrl.replace(/\/*$/, "/")
  return {
    async put(output, signal) {
      signal.throwIfAborted()
      const name = fileNameOf(output)
      try {
        await writeWhole(join(root, name), output.bytes)
      } catch (cause) {
        const { code = "unknown" } = cause as NodeJS.ErrnoException
        throw new AppError("output_not_stored", `Cannot store the output in its folder: ${code}`, { cause })
      }
      return { url: new URL(name, base).href }
    },
  }
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${randomUUID()}.part`
  try {
    const file = await open(temporary, "wx")
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
