type Declaration = { name: string; text: string }

/**
 * One declaration file out of the compiler's: imports go, what is public stays exported, and what the public declarations do not
 * mention is left out. @param written declarations that take the place of those with their names
 */
export function joinDeclarations(files: readonly string[], written: readonly Declaration[]): string {
  const all = [
    ...written,
    ...files.flatMap(declarationsOf).filter(({ name }) => !written.some((own) => own.name === name)),
  ]
  const names = all.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new Error(`Cannot join the declarations: ${twice} is declared in two files`)
  const exported = publicNames(files.join("\n"))
  const kept = reachable(all, exported)
  const types = exported.filter((name) =>
    /^type /.test(kept.find((one) => one.name === name)?.text.replace(COMMENT, "") ?? ""),
  )
  const list = exported.map((name) => (types.includes(name) ? `type ${name}` : name))
  return `${kept.map(({ text }) => text).join("\n")}\nexport { ${list.join(", ")} };\n`
}

const COMMENT = /^\/\*\*[\s\S]*?\*\/\n/
/** A comment, and a declaration up to the next line at the margin that closes it. */
const DECLARATION =
  /^(\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?(?:export )?((?:declare )?(?:abstract )?(?:type|class|const|function) (\w+)(?:.*;$|[\s\S]*?^\}.*$))/gm

function declarationsOf(file: string): Declaration[] {
  const text = file.replaceAll(/^import .*;$/gm, "").replaceAll(/import\("[^"]+"\)\./g, "")
  return [...text.matchAll(DECLARATION)].map(([, comment = "", body = "", name = ""]) => ({
    name,
    text: comment + body,
  }))
}

/** What the entry exports by a list, and the class that it declares. */
function publicNames(text: string): string[] {
  const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\};$/gm)].flatMap(([, names = ""]) => names.split(","))
  return [...new Set(["Claimcheck", ...lists.map((name) => name.trim()).filter(Boolean)])].sort()
}

function reachable(all: readonly Declaration[], from: readonly string[]): Declaration[] {
  const seen = new Set(from)
  for (const name of seen) {
    const code = all.find((one) => one.name === name)?.text.replaceAll(/\/\*[\s\S]*?\*\//g, "") ?? ""
    for (const { name: other } of all) if (new RegExp(`\\b${other}\\b`).test(code)) seen.add(other)
  }
  return all.filter(({ name }) => seen.has(name))
}
