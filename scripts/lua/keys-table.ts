import { counterFields, createKeys } from "../../src/lib/redis/keys.ts"

const NAMESPACE = "\0"
const KEYS = createKeys(NAMESPACE)
/** Names that a script finds without declaring them, as src/lib/redis/keys.ts has them. KEYS[1] is the prefix. */
const SOURCES: Record<string, Record<string, unknown>> = { keys: KEYS, fields: counterFields }
export const TABLES = Object.keys(SOURCES)

/** The members of those tables that a script uses, in Lua. */
export function keysTable(used: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  return [...used].flatMap(([table, members]) => {
    if (members.size === 0) return []
    const entries = [...members].sort().map((member) => {
      const name = SOURCES[table]?.[member]
      if (typeof name === "string") return `${member} = ${expression(name)}`
      if (typeof name !== "function") throw new Error(`There is no ${table}.${member} in src/lib/redis/keys.ts`)
      const parameters = ["a", "b"].slice(0, name.length)
      return `${member} = function(${parameters}) return ${expression(name(...parameters.map((one) => `\u0001${one}\u0001`)))} end`
    })
    return [`local ${table} = { ${entries.join(", ")} }`]
  })
}

function expression(name: string): string {
  const parts = name
    .replace(KEYS.prefix, "\u0001KEYS[1]\u0001")
    .replace(NAMESPACE, '\u0001KEYS[1]:match("{(.-)}")\u0001')
    .split("\u0001")
  return parts.flatMap((part, i) => (part === "" ? [] : [i % 2 === 1 ? part : JSON.stringify(part)])).join(" .. ")
}
