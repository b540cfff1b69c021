import { existsSync } from "node:fs"
import { open, readFile, rename, rm, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { CliError } from "../cli-error.ts"

/** Puts a finished folder in its place, and the old one away. Whatever dies in between, mendInstall() puts right. */
export async function installFolder(finished: string, target: string): Promise<void> {
  const old = oldOf(target)
  await rm(old, { recursive: true, force: true })
  if (existsSync(target)) await rename(target, old)
  try {
    await rename(finished, target)
  } catch (error) {
    await mendInstall(target)
    throw error
  }
  await rm(old, { recursive: true, force: true })
}

/** An earlier run may have died with the old folder away and the new one not in place. */
export async function mendInstall(target: string): Promise<void> {
  const old = oldOf(target)
  if (!existsSync(old)) return
  if (existsSync(target)) await rm(old, { recursive: true, force: true })
  else await rename(old, target)
}

/** The lock file is created first and then gets the process id. If it stays empty, its process has crashed. */
const UNSIGNED_MS = 10_000

/** Locks the folder. Returns the release function. @throws CliError while another run holds the lock */
export async function holdAlone(file: string): Promise<() => Promise<void>> {
  for (let turn = 0; turn < 2; turn++) {
    try {
      const handle = await open(file, "wx")
      await handle.writeFile(String(process.pid))
      await handle.close()
      return () => rm(file, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
      const pid = Number(await readFile(file, "utf8").catch(() => ""))
      if (pid > 0 && isAlive(pid)) throw new CliError(`Process ${pid} is pulling that model now`)
      if (pid === 0 && (await ageMs(file)) < UNSIGNED_MS) break
      await rm(file, { force: true })
    }
  }
  throw new CliError(`Another process is pulling that model now: ${file}`)
}

function oldOf(target: string): string {
  return join(dirname(target), `.${basename(target)}.old`)
}

async function ageMs(file: string): Promise<number> {
  const { mtimeMs = 0 } = (await stat(file).catch(() => undefined)) ?? {}
  return Date.now() - mtimeMs
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}
