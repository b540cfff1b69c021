import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"

/** Writes a generated module when it has changed: compilers and a running wrangler look at its time. */
export function writeModule(path: string, text: string): void {
  const target = fileURLToPath(new URL(`../${path}`, import.meta.url))
  if (existsSync(target) && readFileSync(target, "utf8") === text) return
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(`${target}.${process.pid}`, text)
  renameSync(`${target}.${process.pid}`, target)
}
