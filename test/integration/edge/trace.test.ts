import { afterAll, beforeAll, expect, it } from "vitest"
import { formatTraceparent, newTrace } from "../../../src/lib/trace/trace-context.ts"
import { denoEdge, nodeEdge, openProcess } from "../../support/edge/edge-process.ts"
import { type OtlpReceiver, startOtlpReceiver } from "../../support/servers/otlp-receiver.ts"

let collector: OtlpReceiver

beforeAll(async () => {
  collector = await startOtlpReceiver()
})
afterAll(() => collector.close())

// Nobody listens at port 1: the answer is 503, and a failure is what a trace is looked at for.
const variables = () => ({
  UPSTASH_REDIS_REST_URL: "http://127.0.0.1:1",
  UPSTASH_REDIS_REST_TOKEN: "none",
  TICKET_SECRET: "0123456789abcdef",
  ALLOW_ANONYMOUS: "true",
})

async function ask(edge: Awaited<ReturnType<typeof openProcess>>) {
  const caller = newTrace({ isSampled: true })
  const headers = { traceparent: formatTraceparent(caller) }
  const id = `cls_${"0".repeat(26)}0123456789abcdef`
  expect((await edge.request("/v1/queue", { headers })).status).toBe(503)
  expect((await edge.request(`/v1/classifications/${id}`, { headers })).status).toBe(404)
  return {
    caller,
    found: () => collector.spans().filter(({ traceId }) => traceId === caller.traceId),
    expected: [
      {
        name: "GET /v1/queue",
        parentSpanId: caller.spanId,
        service: "pictures",
        kind: 2,
        attributes: { "http.response.status_code": 503, "http.route": "/v1/queue" },
        status: { code: 2, message: "503" },
      },
      { name: "GET /v1/classifications/:id", attributes: { "http.response.status_code": 404 } },
    ],
  }
}

it.each([
  ["Node", nodeEdge],
  ["Deno", denoEdge],
])("the edge under %s sends its spans", async (_runtime, command) => {
  const traced = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/x`, OTEL_SERVICE_NAME: "pictures" }
  const edge = await openProcess(command(), { ...variables(), ...traced })
  try {
    const { found, expected, caller } = await ask(edge)
    await expect.poll(() => found().length, { timeout: 20_000 }).toBe(2)
    expect(found()).toMatchObject(expected)
    expect(collector.posts.at(-1)?.path).toBe("/x")
    const refused = edge
      .logged()
      .split("\n")
      .filter((line) => line.includes("request.refused"))
    expect(refused.map((line) => JSON.parse(line))).toMatchObject([{ traceId: caller.traceId }])
  } finally {
    await edge.close()
  }
})

it("the edge under Node that is told to stop sends first what it has", async () => {
  const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: "pictures" }
  const edge = await openProcess(nodeEdge(), { ...variables(), ...traced })
  const { found, expected } = await ask(edge)
  await edge.close()
  expect(found()).toMatchObject(expected)
})

it("an edge that is not told where to send spans to sends none", async () => {
  const edge = await openProcess(nodeEdge(), variables())
  const before = collector.posts.length
  const { found } = await ask(edge)
  await edge.close()
  expect([found(), collector.posts.length]).toEqual([[], before])
})
