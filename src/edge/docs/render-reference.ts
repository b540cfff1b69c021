import { html } from "hono/html"
import type { JsonSchema } from "../http/response-headers.ts"
import type { OpenApiDocument } from "../openapi/create-document.ts"
import { prose } from "./prose.ts"

type Parameter = { name: string; in: string; required: boolean; description?: string; schema: JsonSchema }
type Content = Record<string, { schema: JsonSchema; example?: unknown }>
type Answer = { description: string; headers?: object; content?: Content }
type Operation = {
  operationId: string
  tags: string[]
  summary: string
  description?: string
  parameters?: Parameter[]
  requestBody?: { description: string; content: Content }
  responses: Record<string, Answer>
}

/** How deep the fields of a response are listed; the document has the deeper ones. */
const MAX_DEPTH = 3

/** Every operation of the document, by tag. */
export function renderReference(document: OpenApiDocument) {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation: operation as Operation })),
  )
  const tags = [...new Set(operations.map(({ operation }) => operation.tags[0] ?? ""))]
  return tags.map((tag) => {
    const own = operations.filter(({ operation }) => operation.tags[0] === tag)
    return html`<h2>${tag}</h2>
${own.map((one) => renderOperation(one, document))}`
  })
}

type Placed = { path: string; method: string; operation: Operation }

function renderOperation({ path, method, operation }: Placed, document: OpenApiDocument) {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation
  const types = Object.keys(requestBody?.content ?? {})
  return html`<section aria-labelledby="${operationId}">
<h3 id="${operationId}">${summary}</h3>
<p><code class="path"><span class="method ${method}">${method}</span> ${path}</code></p>
${description === undefined ? "" : html`<p>${prose(description)}</p>`}
${requestBody === undefined ? "" : html`<p>Body: ${prose(requestBody.description)}. <span class="dim">${types.join(", ")}</span></p>`}
${parameters.length === 0 ? "" : html`<details><summary>Parameters</summary>${renderParameters(parameters)}</details>`}
${Object.entries(responses).map(([status, answer]) => renderAnswer(status, answer, document))}
</section>`
}

function renderParameters(parameters: readonly Parameter[]) {
  return html`<div class="wide"><table><thead><tr><th>Name</th><th>In</th><th>Type</th><th>Description</th></tr></thead><tbody>
${parameters.map(
  ({ name, in: place, required, description = "", schema }) =>
    html`<tr><td><code>${name}</code>${required ? " *" : ""}</td><td>${place}</td><td>${typeOf(schema)}</td><td>${prose(description)}</td></tr>`,
)}
</tbody></table></div>`
}

function renderAnswer(status: string, { description, content = {} }: Answer, document: OpenApiDocument) {
  const [type, { schema, example } = { schema: {}, example: undefined }] = Object.entries(content)[0] ?? []
  if (Number(status) >= 400) return html`<p><strong>${status}</strong> ${prose(description)}</p>`
  const fields = fieldsOf(schema, document)
  const isDetailed = fields.length > 0 || example !== undefined
  const head = html`<strong>${status}</strong> ${prose(description)} <span class="dim">${type ?? ""}</span>`
  if (!isDetailed) return html`<p>${head}</p>`
  return html`<details><summary>${head}</summary>
${renderExample(example)}
${renderFields(fields)}
</details>`
}

/** Every event, with the body that was sent for one. */
export function renderWebhooks({ webhooks }: OpenApiDocument) {
  return html`<section aria-labelledby="webhooks">
<h2 id="webhooks">Webhooks</h2>
<p>${prose("Requests that the server sends to a `webhook_url`. Types may be added: ignore unknown ones.")}</p>
${Object.entries(webhooks).map(([type, { post }]) => {
  const { summary, requestBody } = post as { summary: string; requestBody: { content: Content } }
  const example = requestBody.content["application/json"]?.example
  return html`<details><summary><code id="${type}">${type}</code> ${prose(summary)}</summary>
${renderExample(example)}
</details>`
})}
${renderParameters(webhooks["classification.succeeded"].post.parameters as Parameter[])}
</section>`
}

function renderExample(example: unknown) {
  return example === undefined ? "" : html`<pre tabindex="0"><code>${JSON.stringify(example, null, 2)}</code></pre>`
}

function renderFields(fields: readonly Field[]) {
  if (fields.length === 0) return ""
  const rows = fields.map(({ name, schema }) => {
    return html`<tr><td><code>${name}</code></td><td>${typeOf(schema)}</td><td>${prose(String(schema.description ?? ""))}</td></tr>`
  })
  return html`<div class="wide"><table><tbody>${rows}</tbody></table></div>`
}

type Field = { name: string; schema: JsonSchema }

function fieldsOf(schema: JsonSchema, document: OpenApiDocument, prefix = "", depth = 0): Field[] {
  const own = resolve(schema, document)
  if (own.type === "array") return fieldsOf(own.items as JsonSchema, document, `${prefix.replace(/\.$/, "")}[].`, depth)
  if (depth >= MAX_DEPTH || own.properties === undefined) return []
  return Object.entries(own.properties as Record<string, JsonSchema>).flatMap(([name, field]) => [
    { name: prefix + name, schema: resolve(field, document) },
    ...fieldsOf(field, document, `${prefix}${name}.`, depth + 1),
  ])
}

function resolve(schema: JsonSchema, document: OpenApiDocument): JsonSchema {
  const name = typeof schema.$ref === "string" ? schema.$ref.split("/").at(-1) : undefined
  return (name === undefined ? undefined : document.components.schemas[name]) ?? schema
}

/** The type in a few words. */
function typeOf(schema: JsonSchema): string {
  const { type, format, minimum, maximum, anyOf } = schema
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (Array.isArray(schema.enum)) return schema.enum.join(", ")
  if (Array.isArray(anyOf)) return anyOf.map((one) => typeOf(one as JsonSchema)).join(" or ")
  const range = minimum !== undefined && maximum !== undefined ? ` ${minimum} to ${maximum}` : ""
  return `${String(type ?? "")}${range}${format === undefined ? "" : `, ${String(format)}`}`
}
