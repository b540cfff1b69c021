import * as z from "zod"
import { ERRORS, type ErrorCode } from "../../lib/app-error.ts"
import type { WebhookEventType } from "../../lib/webhooks/webhook-event.ts"
import type { JsonSchema } from "../http/response-headers.ts"
import { RATE_HEADERS, RESPONSE_HEADERS, type ResponseHeader } from "../http/response-headers.ts"
import type { ApiResponse, ApiRoute, ApiSchema } from "./api-route.ts"
import { ANY_ERRORS, CALLER_ERRORS, UNSAFE_ERRORS } from "./error-codes.ts"
import { EXAMPLES } from "./examples.ts"
import { problemSchema } from "./problem-schema.ts"
import { SchemaStore } from "./schema-store.ts"
import { describeWebhooks } from "./webhooks.ts"

export type OpenApiDocument = {
  openapi: string
  info: { title: string; version: string; description: string }
  paths: Record<string, Record<string, JsonSchema>>
  webhooks: Record<WebhookEventType, { post: JsonSchema }>
  components: { schemas: Record<string, JsonSchema> } & JsonSchema
} & JsonSchema

const DESCRIPTION = `Upload an image, get a ticket, collect the result.

Poll until \`done\`, and wait \`Poll-After-Ms\` between requests. Every request is safe to repeat; a submit with the same
\`Idempotency-Key\` returns the same ticket. Errors are \`application/problem+json\` with a stable \`code\`. Fields, headers and codes may
be added, but within /v1 none is removed or changes its meaning.`

export type ApiFacts = { allowAnonymous: boolean }

/** The OpenAPI 3.1 document of these routes. */
export function createDocument(routes: readonly ApiRoute[], { allowAnonymous }: ApiFacts) {
  const schemas = new SchemaStore()
  const paths: OpenApiDocument["paths"] = {}
  const security = [{ apiKey: [] }, ...(allowAnonymous ? [{}] : [])]
  for (const route of routes) {
    paths[route.path] ??= {}
    Object.assign(paths[route.path] as object, {
      [route.method]: { ...describeOperation(route, schemas), security: route.access === "caller" ? security : [] },
    })
  }
  const document: OpenApiDocument = {
    openapi: "3.1.1",
    info: { title: "claimcheck", version: "1.0.0", description: DESCRIPTION },
    servers: [{ url: "/" }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    webhooks: describeWebhooks(schemas),
    components: {
      schemas: schemas.components,
      headers: RESPONSE_HEADERS,
      securitySchemes: { apiKey: { type: "http", scheme: "bearer", description: "An API key" } },
    },
  }
  return document
}

function describeOperation(route: ApiRoute, schemas: SchemaStore): JsonSchema {
  const { operationId, tag, summary, description, request = {} } = route
  const inPlaces = [
    ["path", request.params],
    ["query", request.query],
    ["query", request.options],
    ["header", request.headers],
  ] as const
  const parameters = inPlaces.flatMap(([place, fields]) =>
    fields === undefined ? [] : schemas.fields(fields).map((field) => toParameter(place, field)),
  )
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(parameters.length > 0 && { parameters }),
    ...(request.body !== undefined && {
      requestBody: { ...request.body, content: describeBody(request.body.content, schemas) },
    }),
    responses: { ...describeAnswers(route, schemas), ...describeProblems(route, schemas) },
  }
}

/** Fields of a form travel as text, as those of a query do; JSON has numbers for them. */
function describeBody(content: Readonly<Record<string, ApiSchema>>, schemas: SchemaStore): JsonSchema {
  const bodies = Object.entries(content).map(([type, schema]) => {
    if (!(schema instanceof z.ZodObject)) return [type, { schema: schemas.request(schema) }]
    const fields = schemas.fields(schema)
    const required = fields.filter((field) => field.required).map(({ name }) => name)
    const properties = Object.fromEntries(fields.map((field) => [field.name, field.schema]))
    return [type, { schema: { type: "object", properties, required } }]
  })
  return Object.fromEntries(bodies)
}

type Field = ReturnType<SchemaStore["fields"]>[number]

function toParameter(place: "path" | "query" | "header", { name, required, schema }: Field): JsonSchema {
  const { description, ...rest } = schema
  return {
    name: place === "header" ? name.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase()) : name,
    in: place,
    required: required || place === "path",
    ...(description !== undefined && { description }),
    schema: rest,
  }
}

const exampleOf = (operationId: string, status: number | string) => EXAMPLES[operationId]?.[Number(status)]

/** With an answer that was really given, where there is one. */
function toContent(content: Readonly<Record<string, ApiSchema>>, example: unknown, schemas: SchemaStore): JsonSchema {
  const shown = example === undefined ? {} : { example }
  const described = Object.entries(content).map(([type, schema]) => {
    return [type, { schema: schemas.response(schema), ...(/\bjson$/.test(type) && shown) }]
  })
  return Object.fromEntries(described)
}

const toHeaders = (names: readonly ResponseHeader[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))

/** Every response to a submit has the rate headers. */
const rateHeadersOf = ({ errors }: ApiRoute) => (errors.includes("rate_limited") ? RATE_HEADERS : [])

function describeAnswers(route: ApiRoute, schemas: SchemaStore): Record<string, JsonSchema> {
  const rates = rateHeadersOf(route)
  const describe = (status: string, { description, content, headers = [] }: ApiResponse) => ({
    description,
    ...(headers.length + rates.length > 0 && { headers: toHeaders([...headers, ...rates]) }),
    ...(content !== undefined && { content: toContent(content, exampleOf(route.operationId, status), schemas) }),
  })
  return Object.fromEntries(
    Object.entries(route.responses).map(([status, response]) => [status, describe(status, response)]),
  )
}

/** One response for each status, with the codes that it may stand for. */
function describeProblems(route: ApiRoute, schemas: SchemaStore) {
  const { operationId, method, access, errors, problem } = route
  const common = [
    ...(access === "caller" ? CALLER_ERRORS : []),
    ...(method === "get" ? [] : UNSAFE_ERRORS),
    ...ANY_ERRORS,
  ]
  const codes = new Set<ErrorCode>([...errors, ...common])
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes) byStatus.set(ERRORS[code][0], [...(byStatus.get(ERRORS[code][0]) ?? []), code])
  const base = schemas.response(problem ?? problemSchema)
  const describe = (status: number, codesOfStatus: readonly ErrorCode[]): JsonSchema => {
    const headers: ResponseHeader[] = status === 401 ? ["WWW-Authenticate"] : []
    if (status === 416) headers.push("Content-Range")
    if (status === 429 || status === 503) headers.push("Retry-After")
    const example = exampleOf(operationId, status)
    const schema = { allOf: [base, { properties: { code: { enum: codesOfStatus } } }] }
    return {
      description: codesOfStatus.map((code) => `\`${code}\`: ${ERRORS[code][1]}`).join("; "),
      headers: toHeaders([...headers, "Cache-Control", ...rateHeadersOf(route)]),
      content: { "application/problem+json": { schema, ...(example !== undefined && { example }) } },
    }
  }
  return Object.fromEntries([...byStatus].map(([status, list]) => [status, describe(status, list)]))
}
