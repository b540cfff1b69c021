import type { Node } from "luaparse"

/** A name that a piece of Lua uses and does not declare; with `member`, as in `name.member`. */
export type FreeName = { name: string; member?: string; line: number }
export type Scope = { free: FreeName[]; unused: { name: string; line: number }[] }

type Local = { name: string; line: number; isUsed: boolean }
/** What every node of luaparse has here: it is asked for locations. */
type Any = { type: string; loc: { start: { line: number } } } & Record<string, unknown>

/** Looks up every name of a piece of Lua 5.1, as luacheck does: what it takes from outside, and what it declares for nothing. */
export function findNames(nodes: readonly Node[]): Scope {
  const found: Scope = { free: [], unused: [] }
  const walker = new Walker(found)
  walker.block(nodes as unknown as Any[])
  return found
}

class Walker {
  readonly #found: Scope
  readonly #scopes: Local[][] = []

  constructor(found: Scope) {
    this.#found = found
  }

  block(nodes: readonly Any[], declared: readonly Any[] = [], last?: Any): void {
    this.#scopes.push([])
    this.#declare(declared)
    for (const node of nodes) this.#visit(node)
    // The condition of "repeat … until" sees what its body declares.
    if (last !== undefined) this.#visit(last)
    for (const { name, line, isUsed } of this.#scopes.pop() ?? []) {
      if (!isUsed && !name.startsWith("_")) this.#found.unused.push({ name, line })
    }
  }

  #declare(identifiers: readonly Any[]): void {
    for (const { name, loc } of identifiers.filter(({ type }) => type === "Identifier")) {
      this.#scopes.at(-1)?.push({ name: name as string, line: loc.start.line, isUsed: false })
    }
  }

  #use(identifier: Any, member?: string): void {
    const name = identifier.name as string
    const local = this.#scopes.flat().findLast((one) => one.name === name)
    if (local === undefined) this.#found.free.push({ name, line: identifier.loc.start.line, ...(member && { member }) })
    else local.isUsed = true
  }

  #visit(node: Any): void {
    const { body, variables = [], init = [] } = node as unknown as { body: Any[]; variables: Any[]; init: Any[] }
    if (node.type === "Identifier") this.#use(node)
    else if (node.type === "MemberExpression") this.#visitMember(node.base as Any, node.identifier as Any)
    else if (node.type === "TableKeyString") this.#visit(node.value as Any)
    else if (node.type === "LocalStatement") {
      this.#visitAll(init)
      this.#declare(variables)
    } else if (node.type === "FunctionDeclaration") {
      const identifier = node.identifier as Any | null
      if (node.isLocal && identifier) this.#declare([identifier])
      else this.#visitAll(identifier)
      this.block(body, node.parameters as Any[])
    } else if (node.type === "ForNumericStatement") {
      this.#visitAll([node.start, node.end, node.step])
      this.block(body, [node.variable as Any])
    } else if (node.type === "ForGenericStatement") {
      this.#visitAll(node.iterators)
      this.block(body, variables)
    } else if (node.type === "RepeatStatement") this.block(body, [], node.condition as Any)
    else {
      this.#visitAll(node.condition)
      if (body) this.block(body)
      for (const [key, value] of Object.entries(node)) if (key !== "body" && key !== "condition") this.#visitAll(value)
    }
  }

  #visitMember(base: Any, member: Any): void {
    if (base.type === "Identifier") this.#use(base, member.name as string)
    else this.#visit(base)
  }

  #visitAll(value: unknown): void {
    for (const node of [value].flat() as (Any | null | undefined)[]) if (node?.type !== undefined) this.#visit(node)
  }
}
