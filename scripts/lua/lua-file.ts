import { type Node, parse } from "luaparse"
import { findNames, type Scope } from "./lua-scope.ts"

/** What Redis gives to every script, and what the compiler adds. */
const GLOBALS = "KEYS ARGV redis cjson string math table pcall ipairs pairs tonumber tostring type unpack".split(" ")

/** A statement at the top of an include: the names that it declares, and its text without comments. */
export type Declaration = Scope & { names: string[]; text: string; line: number }
export type LuaFile = {
  path: string
  /** `#!lua flags=…`, with its line break, or nothing. */
  flags: string
  /** The first comment, which says what the script takes and gives. */
  header: string
  includes: string[]
  declarations: Declaration[]
}

/** @throws when it is no Lua 5.1, or declares a name that nothing uses */
export function readLua(path: string, source: string): LuaFile {
  const chunk = parse(source, { luaVersion: "5.1", locations: true, ranges: true, comments: true })
  const comments = (chunk as unknown as { comments: { raw: string; range: [number, number] }[] }).comments
  const includes = comments.flatMap(({ raw }) => raw.match(/^--- include "([a-z-]+)"$/)?.[1] ?? [])
  const declarations = chunk.body.map((node) => {
    const [from, to] = rangeOf(node)
    const inside = comments.filter(({ range }) => range[0] > from && range[1] < to)
    let text = source.slice(from, to)
    for (const { range } of inside.reverse()) text = text.slice(0, range[0] - from) + text.slice(range[1] - from)
    const { free, unused } = findNames([node])
    const names = declaredBy(node)
    return {
      names,
      text: text.replace(/[ \t]*\n\s*/g, "\n"),
      line: node.loc?.start.line ?? 0,
      free: free.filter(({ name }) => !GLOBALS.includes(name) && !names.includes(name)),
      unused: unused.filter(({ name }) => !names.includes(name)),
    }
  })
  for (const { line, name } of declarations.flatMap(({ unused }) => unused)) {
    throw new Error(`${path}:${line}: ${name} is declared and never used`)
  }
  const [flags = ""] = source.match(/^#!.*\n/) ?? []
  const [header = ""] = source.slice(flags.length).match(/^(--.*\n)+/) ?? []
  return { path, flags, header, includes, declarations }
}

function declaredBy(node: Node): string[] {
  if (node.type === "FunctionDeclaration")
    return node.isLocal && node.identifier && "name" in node.identifier ? [node.identifier.name] : []
  return node.type === "LocalStatement" ? node.variables.map(({ name }) => name) : []
}

const rangeOf = (node: Node) => (node as unknown as { range: [number, number] }).range
