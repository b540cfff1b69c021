import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, sep } from "node:path"
import { expect, it } from "vitest"

const SRC = new URL("../../src", import.meta.url).pathname

/** For each folder of a part, the folders beside it that its files import. Files at the part's root compose the rest. */
function importsOf(part: string): Map<string, Set<string>> {
  const root = join(SRC, part)
  const folderOf = (path: string) => relative(root, path).split(sep).slice(0, -1)[0]
  const imports = new Map<string, Set<string>>()
  for (const file of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    const path = join(root, file)
    const from = folderOf(path)
    if (!file.endsWith(".ts") || from === undefined) continue
    for (const [, target = ""] of readFileSync(path, "utf8").matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
      const to = folderOf(join(dirname(path), target))
      if (to === undefined || to === from || to === "..") continue
      imports.set(from, (imports.get(from) ?? new Set()).add(to))
    }
  }
  return imports
}

/** A way through the imports that comes back to where it began. */
function findCircle(imports: Map<string, Set<string>>, path: string[]): string[] | undefined {
  const [last = ""] = path.slice(-1)
  if (path.indexOf(last) < path.length - 1) return path
  for (const next of imports.get(last) ?? []) {
    const circle = findCircle(imports, [...path, next])
    if (circle) return circle
  }
  return undefined
}

it.each(["classifier", "cli", "edge", "gateway", "lib", "page"])(
  "no folders of src/%s import each other in a circle",
  (part) => {
    const imports = importsOf(part)
    for (const folder of imports.keys()) expect(findCircle(imports, [folder])).toBeUndefined()
  },
)

it("only the engine of TF.js imports its code, so that only a lane's thread loads it", () => {
  const root = join(SRC, "classifier")
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
  const importing = files.filter((file) =>
    /^import (?!type )[^"]*"@tensorflow\//m.test(readFileSync(join(root, file), "utf8")),
  )
  expect([...new Set(importing.map((file) => dirname(file)))]).toEqual(["engine/tfjs"])
})
