import { Validator } from "@seriousme/openapi-schema-validator"
import { beforeAll, describe, expect, it } from "vitest"
import type { OpenApiDocument } from "../../src/edge/openapi/create-document.ts"
import { ERRORS } from "../../src/lib/app-error.ts"
import { openDetachedApp, readDocument } from "../support/edge-document.ts"

type Operation = {
  operationId: string
  parameters?: { name: string; in: string; required: boolean; schema: { type?: string } }[]
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

  it("says whether a key is needed, as the edge is configured", async () => {
    const securityOf = (of: OpenApiDocument) => (of.paths["/v1/models"]?.get as Operation | undefined)?.security
    expect(securityOf(document)).toEqual([{ apiKey: [] }, {}])
    expect(securityOf(await readDocument({ ALLOW_ANONYMOUS: "false" }))).toEqual([{ apiKey: [] }])
  })

  it("describes numbers that travel as text as numbers", () => {
    const create = operations.find(({ operation }) => operation.operationId === "createClassification")
    const topK = create?.operation.parameters?.find(({ name }) => name === "top_k")
    expect(topK?.schema).toEqual({ type: "integer", minimum: 1, maximum: 1_000, default: 5 })
  })
})

describe("security headers", () => {
  it("pin https where the edge itself is called by https", async () => {
    const app = await openDetachedApp()
    const secure = await app.request("https://edge.test/healthz")
    expect(secure.headers.get("strict-transport-security")).toBe("max-age=31536000")
  })
})
