import { Validator } from "@seriousme/openapi-schema-validator"
import { beforeAll, describe, expect, it } from "vitest"
import type { OpenApiDocument } from "../../../../src/edge/openapi/create-document.ts"
import { ERRORS } from "../../../../src/lib/app-error.ts"
import { webhookEventTypes } from "../../../../src/lib/webhooks/webhook-event.ts"
import { openDetachedApp, readDocument } from "../../../support/edge/edge-document.ts"

type Schema = { type?: string; default?: unknown; description?: string; properties?: Record<string, Schema> }
type Operation = {
  operationId: string
  parameters?: { name: string; in: string; required: boolean; description?: string; schema: Schema }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  security: object[]
  responses: Record<
    string,
    { content?: Record<string, { schema: { allOf?: { properties?: { code?: { enum: string[] } } }[] } }> }
  >
}

describe("GET /openapi.json", () => {
  let document: OpenApiDocument
  let operations: { method: string; path: string; operation: Operation }[]
  beforeAll(async () => {
    document = await readDocument()
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method, path, operation: operation as Operation })),
    )
  })

  it("is a valid OpenAPI 3.1 document", async () => {
    const validator = new Validator()
    const { valid, errors } = await validator.validate(structuredClone(document))
    expect(errors ?? []).toEqual([])
    expect(valid).toBe(true)
    expect(validator.version).toBe("3.1")
  })

  it("describes every route that the app has, and no other", async () => {
    const app = await openDetachedApp()
    const routed = app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`)
    const described = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`)
    expect(described.toSorted()).toEqual([...new Set(routed)].toSorted())
  })

  it("gives every operation a name of its own, and describes what stands in its path", () => {
    const names = operations.map(({ operation }) => operation.operationId)
    expect(new Set(names).size).toBe(names.length)
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const described = (operation.parameters ?? []).filter((parameter) => parameter.in === "path")
      expect(described.map(({ name }) => name)).toEqual(inPath)
    }
  })

  it("lists each code under the one status that it has", () => {
    let codes = 0
    for (const { operation } of operations) {
      for (const [status, { content = {} }] of Object.entries(operation.responses)) {
        const problem = content["application/problem+json"]
        for (const code of problem?.schema.allOf?.[1]?.properties?.code?.enum ?? []) {
          codes++
          expect(ERRORS[code as keyof typeof ERRORS][0], code).toBe(Number(status))
        }
      }
    }
    expect(codes).toBeGreaterThan(50)
  })

  it("promises the headers of RATE_LIMIT where a submit counts against it, and nowhere else", () => {
    const naming = (text: string) =>
      operations.filter(({ operation }) => JSON.stringify(operation.responses).includes(text)).map(({ path }) => path)
    expect(naming("#/components/headers/RateLimit-Policy")).toEqual(naming('"queue_full"'))
    expect(naming('"queue_full"')).toHaveLength(5)
  })

  it("says whether a key is needed, as the edge is configured", async () => {
    const securityOf = (of: OpenApiDocument) => (of.paths["/v1/models"]?.get as Operation | undefined)?.security
    expect(securityOf(document)).toEqual([{ apiKey: [] }, {}])
    expect(securityOf(await readDocument({ ALLOW_ANONYMOUS: "false" }))).toEqual([{ apiKey: [] }])
  })

  it("describes numbers that travel as text as numbers", () => {
    const create = operations.find(({ operation }) => operation.operationId === "createClassification")
    const topK = create?.operation.parameters?.find(({ name }) => name === "top_k")
    expect(topK?.schema).toEqual({ type: "integer", minimum: 1, maximum: 1_000 })
    expect(topK?.description).toContain("Default: 5")
  })

  it("has numbers and booleans in JSON bodies", () => {
    const create = operations.find(({ operation }) => operation.operationId === "createClassification")
    const { properties = {} } = create?.operation.requestBody?.content["application/json"]?.schema ?? {}
    const types = Object.fromEntries(Object.entries(properties).map(([name, { type }]) => [name, type]))
    expect(types).toMatchObject({
      top_k: "integer",
      threshold: "number",
      deadline_ms: "integer",
      quality: "integer",
      scale: "number",
      width: "integer",
      height: "integer",
      sha256: "boolean",
      image_url: "string",
    })
  })

  it("describes every parameter and every option, and has no default that a client would send where it is not wanted", () => {
    for (const { operation } of operations) {
      const { parameters = [], requestBody, operationId } = operation
      const bodies = Object.values(requestBody?.content ?? {}).flatMap(({ schema }) =>
        Object.entries(schema.properties ?? {}).map(([name, field]) => ({ name, ...field, schema: field })),
      )
      for (const { name, description, schema } of [...parameters, ...bodies]) {
        expect(description, `${operationId} ${name}`).toMatch(/\w{3}/)
        expect(schema, `${operationId} ${name}`).not.toHaveProperty("default")
      }
    }
  })

  it("describes the options of every operation for batches, too", () => {
    const optionsOf = (id: string) =>
      operations
        .find(({ operation }) => operation.operationId === id)
        ?.operation.parameters?.filter(({ in: place }) => place === "query")
        .map(({ name }) => name) ?? []
    const own = optionsOf("createBatch")
    // A batch's `format` is that of its list.
    for (const name of optionsOf("createClassification")) expect(own).toContain(name)
    expect(own).toEqual(expect.arrayContaining(["top_k", "output_format", "webhook_every"]))
  })

  it("describes every webhook, with the schema that validates what is sent", () => {
    expect(Object.keys(document.webhooks)).toEqual(webhookEventTypes)
    for (const [type, { post }] of Object.entries(document.webhooks)) {
      const { parameters = [], requestBody } = post as Operation
      expect(requestBody?.content["application/json"]?.schema.properties, type).toMatchObject({
        type: { const: type },
        data: { $ref: expect.stringMatching(/^#\/components\/schemas\/\w+$/) },
      })
      expect(parameters.map(({ name }) => name)).toEqual(expect.arrayContaining(["webhook-id", "webhook-signature"]))
    }
  })
})

describe("security headers", () => {
  it("pin https where the edge itself is called by https", async () => {
    const app = await openDetachedApp()
    const secure = await app.request("https://edge.test/healthz")
    expect(secure.headers.get("strict-transport-security")).toBe("max-age=31536000")
  })
})
