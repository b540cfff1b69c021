import { mkdir } from "node:fs/promises"
import { CliError, describe, EXIT } from "../cli-error.ts"

const ADVICE: Record<string, string> = {
  EEXIST: "a file is there",
  ENOTDIR: "a part of the path is a file",
  EACCES: "it may not be made; check the permissions",
  EPERM: "it may not be made; check the permissions",
  EROFS: "the file system is read-only",
}

/** Makes a folder that an option or a variable names, unless it is there. @throws CliError */
export async function makeFolder(path: string, { named, mode }: { named: string; mode?: number }): Promise<void> {
  try {
    await mkdir(path, { recursive: true, ...(mode !== undefined && { mode }) })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = ADVICE[code ?? ""] ?? describe(error)
    throw new CliError(`Cannot make the folder ${path} (${named}): ${why}`, {
      exitCode: EXIT.usage,
      code: "not_writable",
      cause: error,
    })
  }
}
