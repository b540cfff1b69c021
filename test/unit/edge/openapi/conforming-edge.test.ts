import { beforeAll, describe, expect, it } from "vitest"
import { type Checker, createChecker } from "../../../contract/conforming-edge.ts"
import { readDocument } from "../../../support/edge/edge-document.ts"

const asked = { method: "GET", path: "/v1/queue" }
const queue = {
  depth: 0,
  bytes: 0,
  processing: 0,
  dead: 0,
  result_bytes: 0,
  max_result_bytes: 1,
  warnings: [],
  paused: false,
  classifiers: 0,
  models: [],
  others: [],
}
const problem = { type: "about:blank", title: "x", status: 503, code: "redis_unavailable", detail: "x" }
const refusal = (body: object, status = 503) =>
  Response.json(body, { status, headers: { "content-type": "application/problem+json", "retry-after": "2" } })

describe("createChecker()", () => {
  let check: Checker
  beforeAll(async () => {
    check = createChecker((await readDocument()) as never)
  })

  it.each([
    ["an answer", asked, () => Response.json(queue)],
    ["a refusal", asked, () => refusal(problem)],
    ["a path that is none", { method: "GET", path: "/nowhere" }, () => refusal({ ...problem, code: "not_found" }, 404)],
    ["a method that is none", { ...asked, method: "PUT" }, () => refusal({ code: "method_not_allowed" }, 405)],
    [
      "HEAD",
      { ...asked, method: "HEAD" },
      () => new Response(null, { headers: { "content-type": "application/json" } }),
    ],
  ])("lets pass %s as described", async (_what, request, answer) => {
    await check(request, answer())
  })

  it.each([
    ["a status", () => Response.json(queue, { status: 201 }), /status is not described/],
    ["a header", () => Response.json(queue, { headers: { "x-secret": "1" } }), /header x-secret is not described/],
    ["a header's value", () => refusalAfter("soon"), /retry-after: soon/],
    ["a type", () => new Response("depth: 0"), /type text\/plain is not described/],
    ["a code of another route", () => refusal({ ...problem, code: "queue_full" }), /code/],
    ["a field of a problem", () => refusal({ ...problem, cause: "x" }), /additional/],
    ["a field", () => Response.json({ ...queue, secret: 1 }), /additional/],
    ["no field", () => Response.json({ ...queue, depth: undefined }), /required/],
    ["a field's type", () => Response.json({ ...queue, depth: "0" }), /integer/],
  ])("refuses %s that is not described", async (_what, answer, message) => {
    await expect(check(asked, answer())).rejects.toThrow(message)
  })
})

function refusalAfter(retryAfter: string): Response {
  const response = refusal(problem)
  response.headers.set("retry-after", retryAfter)
  return response
}
