import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js"
import addFormats from "ajv-formats"
import { CALLER_ERRORS, UNSAFE_ERRORS } from "../../src/edge/openapi/error-codes.ts"
import type { EdgeRuntime, RunningEdge } from "../support/edge/edge-runtime.ts"

type Schema = { [keyword: string]: unknown }
type Described = { headers?: Record<string, Schema>; content?: Record<string, { schema: Schema }> }
type Operation = { operationId: string; responses: Record<string, Described> }
type Document = {
  paths: Record<string, Record<string, Operation>>
  components: { headers: Record<string, { schema: Schema }> }
}

/** What any answer may carry without a word in the document: of HTTP itself, of browsers, of the platform. */
const ANY_HEADERS =
  /^(content-(type|length|encoding|disposition)|date|connection|keep-alive|transfer-encoding|vary|cf-.*|mf-.*|access-control-.*|strict-transport-security|x-content-type-options|content-security-policy|cross-origin-.*|referrer-policy|x-frame-options|permissions-policy|traceparent|ratelimit|ratelimit-policy|deprecation|sunset)$/

/** The runtime, with every answer of its edges held against the `/openapi.json` of the first: the others have the same. */
export function conforming(runtime: EdgeRuntime): EdgeRuntime {
  const checkerOf = readOnce()
  return { ...runtime, openEdge: async (env) => conformingEdge(await runtime.openEdge(env), checkerOf) }
}

export function conformingEdge(edge: RunningEdge, checkerOf = readOnce()): RunningEdge {
  return {
    ...edge,
    async request(path, init) {
      const check = await checkerOf(edge)
      const response = await edge.request(path, init)
      await check({ method: init?.method ?? "GET", path }, response.clone())
      return response
    },
  }
}

/** The document takes an edge longer to write, and Ajv to compile, than a hundred requests. */
function readOnce(): (edge: RunningEdge) => Promise<Checker> {
  let checking: Promise<Checker> | undefined
  return (edge) => {
    checking ??= edge.request("/openapi.json").then(async (response) => createChecker(await response.json()))
    return checking
  }
}

type Asked = { method: string; path: string }
export type Checker = (asked: Asked, response: Response) => Promise<void>

/** Throws at the first thing in an answer that the document does not say. */
export function createChecker(document: Document): Checker {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  const strict = refuseUnknownFields(document)
  ajv.addSchema(strict as Schema, "doc")
  const compiled = new Map<string, ValidateFunction>()
  const validatorAt = (pointer: string) => {
    const validate = compiled.get(pointer) ?? ajv.compile({ $ref: `doc#${pointer}` })
    compiled.set(pointer, validate)
    return validate
  }
  const templates = Object.keys(document.paths).map((template) => ({ template, pattern: toPattern(template) }))

  return async ({ method, path }, response) => {
    const pathname = path.split(/[?#]/)[0] ?? ""
    const template = templates.find(({ pattern }) => pattern.test(pathname))?.template
    const operation = template && document.paths[template]?.[method === "HEAD" ? "get" : method.toLowerCase()]
    const who = `${method} ${template ?? pathname} → ${response.status}`
    const fail = (what: string): never => {
      throw new Error(`${who} is not what the document says: ${what}`)
    }
    if (!template || !operation) {
      const isPreflight = method === "OPTIONS" && response.status === 204
      const body = isPreflight || method === "HEAD" ? null : ((await response.json()) as { code?: string })
      const expected: string[] = [...CALLER_ERRORS, ...UNSAFE_ERRORS, template ? "method_not_allowed" : "not_found"]
      if (body !== null && !expected.includes(body.code ?? "")) fail(JSON.stringify(body))
      return
    }
    const described = operation.responses[response.status] ?? fail("the status is not described")
    const known = Object.keys(described.headers ?? {}).map((name) => name.toLowerCase())
    for (const [name, value] of response.headers) {
      if (known.includes(name)) {
        const [original = ""] = Object.keys(described.headers ?? {}).filter((one) => one.toLowerCase() === name)
        const validate = validatorAt(`/components/headers/${original}/schema`)
        const isNumber = document.components.headers[original]?.schema.type === "integer"
        if (!validate(isNumber ? Number(value) : value)) fail(`${name}: ${value}`)
      } else if (!ANY_HEADERS.test(name)) fail(`the header ${name} is not described`)
    }
    if (described.content === undefined || method === "HEAD") {
      if ((await response.text()) !== "") fail("it has a body")
      return
    }
    const type = (response.headers.get("content-type") ?? "").split(";")[0] ?? ""
    if (!(type in described.content)) fail(`the type ${type} is not described`)
    if (!/\bjson$/.test(type)) return
    const steps = ["paths", template, method.toLowerCase(), "responses", response.status, "content", type, "schema"]
    const validate = validatorAt(
      `/${steps.map((step) => encodeURIComponent(String(step).replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`,
    )
    const body = await response.json()
    if (!validate(body)) fail(`${ajv.errorsText(validate.errors)} in ${JSON.stringify(body).slice(0, 2_000)}`)
  }
}

/** Published, the schemas bear with fields that are added later; ours are to be added to the document first. */
function refuseUnknownFields(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(refuseUnknownFields)
  if (node === null || typeof node !== "object") return node
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, refuseUnknownFields(value)]))
  const isClosed = copy.type === "object" && copy.properties !== undefined && copy.additionalProperties === undefined
  return isClosed ? { ...copy, additionalProperties: false } : copy
}

function toPattern(template: string): RegExp {
  const escaped = template.replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&")
  return new RegExp(`^${escaped.replaceAll(/\{\w+\}/g, "[^/]+")}$`)
}
