import { beforeAll, describe, expect, it } from "vitest"
import type { OpenApiDocument } from "../../../../src/edge/openapi/create-document.ts"
import { EVENT_EXAMPLES, EXAMPLES } from "../../../../src/edge/openapi/examples.ts"
import { WEBHOOK_EVENTS, webhookEventTypes } from "../../../../src/lib/webhooks/webhook-event.ts"
import { createChecker } from "../../../contract/conforming-edge.ts"
import { readDocument } from "../../../support/edge/edge-document.ts"

const taken = Object.entries(EXAMPLES).flatMap(([id, answers]) =>
  Object.entries(answers).map(([status, body]) => [id, Number(status), body] as const),
)

describe("the examples of /openapi.json, `npm run examples` takes them anew", () => {
  let document: OpenApiDocument
  beforeAll(async () => {
    document = await readDocument()
  })
  const place = (operationId: string) => {
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (operation.operationId === operationId) return { path, method: method.toUpperCase(), operation }
      }
    }
    throw new Error(`There is no ${operationId}`)
  }

  it.each(taken)("%s %d is what the schema says, and is shown", async (operationId, status, body) => {
    const { path, method, operation } = place(operationId)
    const type = status >= 400 ? "application/problem+json" : "application/json"
    const answer = Response.json(body, { status, headers: { "content-type": type } })
    await createChecker(document as never)({ method, path: path.replaceAll(/\{\w+\}/g, "x") }, answer)
    const responses = operation.responses as Record<string, { content: Record<string, { example?: unknown }> }>
    expect(responses[status]?.content[type]?.example).toEqual(body)
  })

  it("show a ticket that waits, one that is done, and refusals", () => {
    expect(EXAMPLES.createClassification?.[202]).toMatchObject({ done: false, poll_after_ms: expect.any(Number) })
    expect(EXAMPLES.readClassification?.[200]).toMatchObject({ status: "succeeded", predictions: expect.any(Array) })
    expect(EXAMPLES.cancelClassification?.[409]).toMatchObject({ code: "already_finished" })
    expect(EXAMPLES.createBatch?.[400]).toMatchObject({ code: "invalid_rows", rows: [{ row: 1 }] })
    expect(taken.length).toBeGreaterThanOrEqual(19)
  })

  it.each(webhookEventTypes)("show a webhook %s, whose data is of its schema with no field beside", (type) => {
    const shown = document.webhooks[type].post.requestBody as { content: Record<string, { example?: unknown }> }
    expect(shown.content["application/json"]?.example).toEqual(EVENT_EXAMPLES[type])
    const { data, ...event } = EVENT_EXAMPLES[type] as { data: object }
    expect(event).toEqual({ type, timestamp: expect.any(String) })
    expect(WEBHOOK_EVENTS[type].data.strict().parse(data)).toEqual(data)
  })
})
