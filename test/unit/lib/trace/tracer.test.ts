import { once } from "node:events"
import { createServer } from "node:net"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { createLog } from "../../../../src/lib/log.ts"
import { flushOften } from "../../../../src/lib/trace/flush-often.ts"
import type { Span } from "../../../../src/lib/trace/span.ts"
import { newTrace } from "../../../../src/lib/trace/trace-context.ts"
import { createTracer } from "../../../../src/lib/trace/tracer.ts"
import { type OtlpReceiver, startOtlpReceiver } from "../../../support/servers/otlp-receiver.ts"

let collector: OtlpReceiver
let lines: string[]

beforeAll(async () => {
  collector = await startOtlpReceiver()
})
afterAll(() => collector.close())
beforeEach(() => {
  lines = []
  collector.posts.length = 0
  collector.behave((response) => response.end("{}"))
})

const events = () => lines.map((line) => JSON.parse(line) as { event: string; spans?: number; lost?: number })

function open({ url = `${collector.url}/v1/traces?token=hunter2`, timeoutMs = 5_000 } = {}) {
  const log = createLog({ server: "test", script: "edge", write: (line) => lines.push(line) })
  const target = { url, headers: [["x-key", "hunter2"] as [string, string]], timeoutMs, serviceName: "s" }
  return createTracer(target, { part: "edge", log })
}

function span(name: string, isSampled = true): Span {
  return { context: newTrace({ isSampled }), name, kind: "internal", startMs: 1, endMs: 2 }
}

it("sends what was recorded, once, with the headers that were asked for", async () => {
  const tracer = open()
  tracer.record(span("a"))
  tracer.record(span("b"))
  await Promise.all([tracer.flush(), tracer.flush()])
  await tracer.flush()
  expect(collector.posts).toHaveLength(1)
  expect(collector.posts[0]).toMatchObject({
    path: "/v1/traces?token=hunter2",
    headers: { "x-key": "hunter2", "content-type": "application/json" },
    spans: [{ name: "a", service: "s", scope: "claimcheck/edge" }, { name: "b" }],
  })
})

it("keeps nothing of a trace that is not sampled", async () => {
  const tracer = open()
  tracer.record(span("a", false))
  await tracer.flush()
  expect(collector.posts).toEqual([])
})

it("keeps so many spans and no more, sends them in portions, and says once what was lost", async () => {
  const tracer = open()
  for (let i = 0; i < 2_060; i++) tracer.record(span(`${i}`))
  await tracer.flush()
  expect(collector.posts.map(({ spans }) => spans.length)).toEqual([512, 512, 512, 512])
  expect(collector.spans().at(-1)?.name).toBe("2047")
  expect(events()).toMatchObject([{ event: "trace.lost" }, { event: "trace.back", lost: 12 }])
})

it.each([
  ["an error", () => collector.behave((response) => response.writeHead(503).end())],
  ["a redirect", () => collector.behave((response) => response.writeHead(307, { location: "/elsewhere" }).end())],
  ["a broken connection", () => collector.behave((response) => response.destroy())],
])("loses spans to %s, says so once without address or secret, and goes on", async (_what, breakIt) => {
  const tracer = open()
  breakIt()
  for (let i = 0; i < 3; i++) {
    tracer.record(span("lost"))
    await tracer.flush()
  }
  expect(collector.posts).toHaveLength(3)
  expect(events()).toMatchObject([{ event: "trace.lost", spans: 1 }])
  collector.behave((response) => response.end())
  tracer.record(span("arrives"))
  await tracer.flush()
  expect(events()).toMatchObject([{ event: "trace.lost" }, { event: "trace.back", lost: 3 }])
  expect(collector.spans().at(-1)?.name).toBe("arrives")
  expect(lines.join()).not.toMatch(/hunter2|127\.0\.0\.1/)
})

it("waits for a collector that never answers no longer than its deadline", async () => {
  const silent = createServer(() => undefined).listen(0, "127.0.0.1")
  await once(silent, "listening")
  const { port } = silent.address() as { port: number }
  const tracer = open({ url: `http://127.0.0.1:${port}`, timeoutMs: 50 })
  tracer.record(span("a"))
  await tracer.flush()
  expect(events()).toMatchObject([{ event: "trace.lost", spans: 1 }])
  silent.close()
})

it("has so many deliveries under way and no more, and sends the rest once they are over", async () => {
  const tracer = open({ timeoutMs: 300 })
  collector.behave(() => "hangs")
  const flushes = Array.from({ length: 40 }, (_, i) => {
    tracer.record(span(`${i}`))
    return tracer.flush()
  })
  await Promise.all(flushes)
  expect(collector.posts).toHaveLength(16)
  collector.behave((response) => response.end())
  await tracer.flush()
  expect(collector.posts.at(-1)?.spans).toHaveLength(24)
})

it("does nothing at all without a target", async () => {
  let posts = 0
  const log = createLog({ server: "test", script: "edge", write: (line) => lines.push(line) })
  const fetch = async () => {
    posts++
    return new Response()
  }
  const tracer = createTracer(null, { part: "edge", log, fetch })
  tracer.record(span("a"))
  await tracer.flush()
  await flushOften(tracer, new AbortController().signal)
  expect([tracer.isOn, posts, lines]).toEqual([false, 0, []])
})

it("flushOften() sends the last spans of a process that leaves, past a collector that hangs", async () => {
  const tracer = open({ timeoutMs: 60_000 })
  const leave = new AbortController()
  const flushing = flushOften(tracer, leave.signal)
  const hangs = new Promise<void>((resolve) => collector.behave(() => resolve()))
  tracer.record(span("in flight"))
  await hangs
  collector.behave((response) => response.end())
  tracer.record(span("last"))
  leave.abort()
  await flushing
  expect(collector.spans().map(({ name }) => name)).toEqual(["in flight", "last"])
})
