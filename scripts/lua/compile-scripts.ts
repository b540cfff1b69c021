import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { keysTable, TABLES } from "./keys-table.ts"
import { type Declaration, type LuaFile, readLua } from "./lua-file.ts"

/**
 * Compiles the Lua scripts of a folder to a TypeScript module. A script takes declarations from the files that it names in
 * lines like `--- include "placement"`; of each file it carries what it uses, and no more. Comments stay behind.
 *
 * @throws for what luacheck would warn of: names that nobody declares, or that nobody uses
 */
export function compileScripts(root: string): string {
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".lua"))
  return compileFiles(paths.sort().map((path) => readLua(path, readFileSync(join(root, path), "utf8"))))
}

export function compileFiles(files: readonly LuaFile[]): string {
  const includes = new Map<string, LuaFile>()
  const scripts: LuaFile[] = []
  for (const file of files) {
    if (basename(dirname(file.path)) !== "include") scripts.push(file)
    else if (includes.has(nameOf(file))) throw new Error(`${file.path}: another include has this name`)
    else includes.set(nameOf(file), file)
  }
  const used = new Set<Declaration>()
  const compiled = scripts.map((script) => compileScript(script, includes, used))
  for (const { path, declarations } of includes.values()) {
    const idle = declarations.find((declaration) => !used.has(declaration))
    if (idle) throw new Error(`${path}:${idle.line}: no script uses ${idle.names.join(", ") || "this statement"}`)
  }
  return [
    "// Written by scripts/lua/compile-scripts.ts from the .lua files of src/lib; not kept in git.",
    'import type { Script } from "./script.ts"',
    "",
    ...compiled,
    "",
  ].join("\n")
}

function compileScript(script: LuaFile, includes: ReadonlyMap<string, LuaFile>, everUsed: Set<Declaration>): string {
  assertDocumented(script)
  const used = new Set<Declaration>()
  const tables = new Map(TABLES.map((name) => [name, new Set<string>()]))

  /** A declaration, after those that it needs: of the same file what stands before it, or of a file that is included. */
  const take = (file: LuaFile, at: number): void => {
    const declaration = file.declarations[at] as Declaration
    if (used.has(declaration)) return
    for (const { name, member, line } of declaration.free) {
      const table = tables.get(name)
      if (table && member) {
        table.add(member)
        continue
      }
      const declares = (one: Declaration) => one.names.includes(name)
      const own = file.declarations.slice(0, at).findLastIndex(declares)
      const include = includesOf(file, includes).find(({ declarations }) => declarations.some(declares))
      if (own >= 0) take(file, own)
      else if (include) take(include, include.declarations.findIndex(declares))
      else throw new Error(`${file.path}:${line}: ${name} is declared by nothing that is included`)
    }
    used.add(declaration)
  }
  for (const at of script.declarations.keys()) take(script, at)
  assertAllUsed(script, includesOf(script, includes), used)

  for (const declaration of used) everUsed.add(declaration)
  const included = [...used].filter((declaration) => !script.declarations.includes(declaration))
  const twice = included.flatMap(({ names }) => names).find((name, i, all) => all.indexOf(name) !== i)
  if (twice) throw new Error(`${script.path}: two includes declare ${twice}`)
  const body = [...keysTable(tables), ...[...included, ...script.declarations].map(({ text }) => text)].join("\n")
  const text = script.flags + body
  const value = { text, sha1: sha1(text), ...(script.flags && { plainSha1: sha1(body) }) }
  return `export const ${nameOf(script).toUpperCase().replaceAll("-", "_")}: Script = ${JSON.stringify(value)}`
}

function includesOf(file: LuaFile, includes: ReadonlyMap<string, LuaFile>): LuaFile[] {
  return file.includes.map((name) => {
    const include = includes.get(name)
    if (!include) throw new Error(`${file.path}: there is no include "${name}"`)
    return include
  })
}

/** What a script declares, and what it includes, must serve it. */
function assertAllUsed(script: LuaFile, included: readonly LuaFile[], used: ReadonlySet<Declaration>): void {
  const wanted = new Set(script.declarations.flatMap(({ free }) => free.map(({ name }) => name)))
  for (const { names, line } of script.declarations) {
    const idle = names.find((name) => !wanted.has(name) && !name.startsWith("_"))
    if (idle) throw new Error(`${script.path}:${line}: ${idle} is declared and never used`)
  }
  for (const include of included) {
    if (!include.declarations.some((one) => used.has(one) && one.names.some((name) => wanted.has(name))))
      throw new Error(`${script.path}: the include "${nameOf(include)}" is not used`)
  }
}

/** A script says which KEYS and ARGV it takes and what it returns. */
function assertDocumented({ path, header, declarations }: LuaFile): void {
  const text = declarations.map((declaration) => declaration.text).join("\n")
  const taken = text.match(/\b(KEYS|ARGV)\[\d\]/g) ?? []
  const missing = ["Returns", "KEYS", ...taken].find((word) => !header.includes(word))
  if (missing) throw new Error(`${path}: the comment at its top does not say ${missing}`)
}

const nameOf = ({ path }: LuaFile) => basename(path, ".lua")
const sha1 = (text: string) => createHash("sha1").update(text).digest("hex")
