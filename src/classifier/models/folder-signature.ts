import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"

const MOST_FILES = 5_000
const DEEPEST = 3

/** Names, sizes and times of all files in a folder, as one text: equal while it is unchanged. Null when it is gone. */
export async function folderSignature(folder: string): Promise<string | null> {
  const lines: string[] = []
  try {
    await walk(folder, 0, lines)
  } catch {
    const seen = await stat(folder).catch(() => null)
    // A file, such as an archive, among the folders.
    if (seen?.isFile()) return `${folder} ${seen.size} ${seen.mtimeMs}`
    // It is being changed: two signatures of it must differ.
    return seen === null ? null : `unsettled ${performance.now()}`
  }
  return lines.join("\n")
}

async function walk(folder: string, depth: number, lines: string[]): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (lines.length >= MOST_FILES || entry.name.startsWith(".")) continue
    const path = join(folder, entry.name)
    const { size, mtimeMs, ctimeMs, ino } = await stat(path)
    // By their content: a folder's own time changes with things that do not matter, such as a hidden file.
    if (!entry.isDirectory()) lines.push(`${path} ${size} ${mtimeMs} ${ctimeMs} ${ino}`)
    else if (depth < DEEPEST) await walk(path, depth + 1, lines)
  }
}
