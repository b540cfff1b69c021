import * as z from "zod"

type Root = Node & { $defs?: Record<string, Node> }
type Node = {
  $ref?: string
  type?: string | string[]
  description?: string
  properties?: Record<string, Node>
  required?: string[]
  items?: Node
  enum?: unknown[]
  const?: unknown
  anyOf?: Node[]
}

/** The type of what a schema gives, as TypeScript text without zod: descriptions become comments. @throws Error for a keyword that it does not know */
export function schemaType(schema: z.ZodType, { isPartial = false } = {}): string {
  const { $defs = {}, ...root } = z.toJSONSchema(schema, { io: "output", unrepresentable: "any" }) as Root
  const write = (node: Node, indent: string): string => {
    if (node.$ref) return write($defs[node.$ref.replace("#/$defs/", "")] ?? {}, indent)
    if ("const" in node) return JSON.stringify(node.const)
    if (node.enum) return node.enum.map((value) => JSON.stringify(value)).join(" | ")
    if (node.anyOf) return node.anyOf.map((one) => write(one, indent)).join(" | ")
    if (Array.isArray(node.type)) return node.type.map((type) => write({ ...node, type }, indent)).join(" | ")
    switch (node.type) {
      case "integer":
      case "number":
        return "number"
      case "string":
      case "boolean":
      case "null":
        return node.type
      case "array":
        return `(${write(node.items ?? {}, indent)})[]`.replace(/^\((\w+)\)/, "$1")
      case "object":
        return writeObject(node, indent)
      default:
        throw new Error(`Cannot write the type of ${JSON.stringify(node).slice(0, 200)}`)
    }
  }
  const writeObject = ({ properties = {}, required = [] }: Node, indent: string): string => {
    const inner = `${indent}    `
    const fields = Object.entries(properties).map(([name, node]) => {
      const comment = node.description === undefined ? "" : `${inner}/** ${node.description} */\n`
      const type = write(node, inner)
      return `${comment}${inner}${name}${required.includes(name) ? `: ${type}` : `?: ${type} | undefined`};\n`
    })
    return `{\n${fields.join("")}${indent}}`
  }
  return write(isPartial ? { ...root, required: [] } : root, "")
}
