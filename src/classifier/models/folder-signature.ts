import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"

const MOST_FILES = 5_000
const DEEPEST = 3

/** Names, sizes and times of all files in a folder, as one text: equal as long as nobody touches it. Null when it is gone. */
export async function folderSignature(folder: string): Promise<string | null> {
  const lines: string[] = []
  try {
    await walk(folder, 0, lines)
  } catch {
    const seen = await stat(folder).catch(() => null)
    // An archive that somebody has put where folders are looked for.
    if (seen?.isFile()) return `${folder} ${seen.size} ${seen.mtimeMs}`
    // Somebody is at it this very moment: no two looks at that may read the same.
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
