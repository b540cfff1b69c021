import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"

const PREFIX = `claimcheck-models-${hostname()}-`

/** A folder for the copies of served models, for the life of this process. What killed ones left behind goes. */
export function makeCopiesFolder(root = tmpdir()): { path: string; remove: () => void } {
  for (const name of readdirSync(root)) {
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length).split("-")[0]) : 0
    if (pid > 0 && !isAlive(pid)) rmSync(join(root, name), { recursive: true, force: true })
  }
  const path = mkdtempSync(join(root, `${PREFIX}${process.pid}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // A process of another user is alive, too.
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}
