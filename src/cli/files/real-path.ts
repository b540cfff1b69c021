import { realpath } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"

/** The one path of a file that may go by several, through links; of a file that is not there, the one it would have. */
export async function realPathOf(path: string): Promise<string> {
  const whole = resolve(path)
  try {
    return await realpath(whole)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if ((code !== "ENOENT" && code !== "ENOTDIR") || whole === dirname(whole)) throw error
    return join(await realPathOf(dirname(whole)), basename(whole))
  }
}
