import { readFileSync } from "node:fs"
import type { Release } from "./release-problems.ts"

const JSON_FILES = ["package.json", "clients/javascript/package.json", "clients/javascript/jsr.json"]
const PYTHON = "clients/python/pyproject.toml"

/** The versions and the changelog of this checkout. */
export function readRelease(tag?: string): Release {
  const read = (path: string) => readFileSync(path, "utf8")
  const versions = JSON_FILES.map((path) => [path, (JSON.parse(read(path)) as { version?: string }).version] as const)
  return {
    versions: { ...Object.fromEntries(versions), [PYTHON]: /^version = "(.*)"$/m.exec(read(PYTHON))?.[1] },
    changelog: read("CHANGELOG.md"),
    tag,
  }
}
