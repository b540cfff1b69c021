import fc from "fast-check"

export type Schema = { readonly [keyword: string]: unknown }

/** Values that the schema allows, and now and then some that it does not. `root` is where its references point into. */
export function fromSchema(schema: Schema, root: Schema, depth = 0): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 18, arbitrary: valid(schema, root, depth) },
    { weight: 1, arbitrary: nearMiss(schema) },
    { weight: 1, arbitrary: WRONG },
  )
}

/** Any, halves of surrogate pairs too; fast-check's own would need a second for its tables. */
const codePoint = fc.oneof(fc.nat(0x7f), fc.nat(0xffff), fc.nat(0x10ffff))

/** What no schema of ours wants. */
const WRONG: fc.Arbitrary<unknown> = fc.constantFrom<unknown>(
  null,
  "",
  "\u0000",
  "\ud800",
  "５",
  "' OR 1=1 --",
  "{{7*7}}",
  "a".repeat(70_000),
  -1,
  -0,
  1e308,
  2 ** 53,
  0.1,
  true,
  [],
  {},
  [[[[[[[[]]]]]]]],
  { __proto__: null, constructor: { prototype: {} } },
)

function valid(schema: Schema, root: Schema, depth: number): fc.Arbitrary<unknown> {
  const again = (inner: unknown) => fromSchema(inner as Schema, root, depth + 1)
  if (typeof schema.$ref === "string") return again(resolve(schema.$ref, root))
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]))
  for (const some of [schema.anyOf, schema.oneOf]) if (Array.isArray(some)) return fc.oneof(...some.map(again))
  if (depth > 6) return WRONG
  switch (schema.type) {
    case "number":
      return fc.double({ min: bound(schema.minimum, -10), max: bound(schema.maximum, 100_000), noNaN: true })
    case "integer":
      return fc.integer({ min: bound(schema.minimum, -10), max: bound(schema.maximum, 100_000) })
    case "boolean":
      return fc.boolean()
    case "array":
      return fc.array(again(schema.items ?? {}), { maxLength: 5 })
    case "object":
      return fc.record(
        Object.fromEntries(Object.entries((schema.properties as Schema) ?? {}).map(([name, of]) => [name, again(of)])),
        { requiredKeys: [] },
      )
    default:
      return fc.array(codePoint, { maxLength: 40 }).map((codes) => String.fromCodePoint(...codes))
  }
}

/** One beside each bound. */
function nearMiss(schema: Schema): fc.Arbitrary<unknown> {
  const values: unknown[] = ["abc"]
  if (typeof schema.minimum === "number") values.push(schema.minimum, schema.minimum - 1, schema.minimum - 0.5)
  if (typeof schema.maximum === "number") values.push(schema.maximum, schema.maximum + 1)
  if (typeof schema.minLength === "number") values.push("x".repeat(Math.max(0, schema.minLength - 1)))
  if (typeof schema.maxLength === "number") values.push("x".repeat(schema.maxLength), "x".repeat(schema.maxLength + 1))
  return fc.constantFrom(...values)
}

const bound = (value: unknown, otherwise: number) => (typeof value === "number" ? value : otherwise)

function resolve(ref: string, root: Schema): Schema {
  const steps = ref.replace(/^#\//, "").split("/")
  return steps.reduce<Schema>((node, step) => node[step.replaceAll("~1", "/")] as Schema, root)
}
