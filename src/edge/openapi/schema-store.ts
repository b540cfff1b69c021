import * as z from "zod"
import type { JsonSchema } from "../http/response-headers.ts"
import type { ApiSchema } from "./api-route.ts"

type Node = { [keyword: string]: unknown }

/** Turns schemas into OpenAPI's; those with an id become components, each once. */
export class SchemaStore {
  readonly components: Record<string, JsonSchema> = {}

  /** What we answer: as it comes out of the schema. */
  response(schema: ApiSchema): JsonSchema {
    return schema instanceof z.ZodType ? this.#convert(schema, "output") : schema
  }

  /** What a client sends: as it goes into the schema. */
  request(schema: ApiSchema): JsonSchema {
    return schema instanceof z.ZodType ? this.#convert(schema, "input") : schema
  }

  /** Options: numbers as numbers, defaults in the description. Generated clients would send a schema's defaults with every request. */
  fields(schema: z.ZodObject): { name: string; required: boolean; schema: JsonSchema }[] {
    const input = this.request(schema) as { properties?: Record<string, JsonSchema>; required?: string[] }
    const output = this.response(schema) as { properties?: Record<string, JsonSchema> }
    return Object.entries(input.properties ?? {}).map(([name, sent]) => {
      const parsed = output.properties?.[name]
      const { default: otherwise, ...schema } = parsed?.type === undefined ? sent : parsed
      const description = [schema.description, otherwise !== undefined && `Default: ${otherwise}`].filter(Boolean)
      return {
        name,
        required: input.required?.includes(name) ?? false,
        schema: description.length === 0 ? schema : { ...schema, description: description.join(". ") },
      }
    })
  }

  #convert(schema: z.ZodType, io: "input" | "output"): JsonSchema {
    const json = z.toJSONSchema(schema, { io, unrepresentable: "any", override: ({ jsonSchema }) => tidy(jsonSchema) })
    const { $schema: _dialect, ...plain } = json
    const text = JSON.stringify(plain).replaceAll('"#/$defs/', '"#/components/schemas/')
    const { $defs = {}, ...own } = JSON.parse(text) as Node & { $defs?: Record<string, JsonSchema> }
    Object.assign(this.components, $defs)
    return own
  }
}

/** A client must bear with fields that are added later; bounds and patterns that the type says already are left out. */
function tidy(node: Node): void {
  if (node.additionalProperties === false) delete node.additionalProperties
  if (node.minimum === Number.MIN_SAFE_INTEGER) delete node.minimum
  if (node.maximum === Number.MAX_SAFE_INTEGER) delete node.maximum
  if (node.format === "date-time" || node.format === "uri") delete node.pattern
}
