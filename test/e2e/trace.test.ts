import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest"
import type { Ticket } from "../../src/lib/tickets/ticket.ts"
import { formatTraceparent, newTrace, parseTraceparent } from "../../src/lib/trace/trace-context.ts"
import { flatPng } from "../support/images/images.ts"
import { type OtlpReceiver, startOtlpReceiver } from "../support/servers/otlp-receiver.ts"
import { type Stack, startStack } from "../support/stack/stack-harness.ts"
import { SECRET, startReceiver, type WebhookReceiver } from "../support/webhooks/webhook-receiver.ts"

const STAGES = ["decode", "fetch", "finish", "infer"]
const JOB_SPANS = ["process classify", "queue wait", ...STAGES]

let collector: OtlpReceiver
let receiver: WebhookReceiver
let stack: Stack
/** What the host of pictures was asked with. */
const fetched: IncomingHttpHeaders[] = []
const host = createServer((request, response) => {
  fetched.push(request.headers)
  response.end(flatPng([9, 9, (fetched.length * 5) % 256], { width: 48, height: 48 }))
})
let pictures: string

const variables = () => ({
  ALLOW_ADDRESSES: `127.0.0.1:${receiver.port} ${new URL(pictures).host}`,
  WEBHOOK_SECRETS: SECRET,
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_EXPORTER_OTLP_HEADERS: "x-key=hunter2",
  OTEL_EXPORTER_OTLP_TIMEOUT: "600000",
})

beforeAll(async () => {
  collector = await startOtlpReceiver()
  receiver = await startReceiver()
  await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve))
  pictures = `http://127.0.0.1:${(host.address() as AddressInfo).port}`
  stack = await startStack([], variables())
  await stack.printed(/^ready /m)
})
afterAll(async () => {
  await stack?.dispose()
  await collector.close()
  await receiver.close()
  host.close()
})
beforeEach(() => {
  collector.behave((response) => response.end("{}"))
})

let shade = 0
async function submit(traceparent: string | null, { on = stack, imageUrl = "" } = {}): Promise<Ticket> {
  const bytes = Buffer.from(flatPng([shade++, 3, 7], { width: 40, height: 40 }))
  const image =
    imageUrl === "" ? { image: `data:image/png;base64,${bytes.toString("base64")}` } : { image_url: imageUrl }
  const response = await fetch(`${on.url}/v1/classifications`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(traceparent !== null && { traceparent }) },
    body: JSON.stringify({ ...image, webhook_url: receiver.url }),
  })
  expect(response.status).toBe(202)
  return (await response.json()) as Ticket
}

/** The webhook of a ticket: by then the work is done. */
async function webhookOf({ id }: Ticket) {
  const find = () => receiver.received.find(({ body }) => body.data.id === id)
  await expect.poll(find).toBeDefined()
  const { headers, body } = find() as NonNullable<ReturnType<typeof find>>
  return { trace: parseTraceparent(headers.traceparent), status: body.data.status }
}

const spansOf = (traceId: string | undefined) => collector.spans().filter((span) => span.traceId === traceId)
async function treeOf(traceId: string | undefined, names: readonly string[]) {
  const namesNow = () =>
    spansOf(traceId)
      .map(({ name }) => name)
      .sort()
  await expect.poll(namesNow).toEqual([...names].sort())
  return spansOf(traceId)
}

test("one upload with a traceparent is one connected tree over edge, classifier and webhook", async () => {
  const caller = newTrace({ isSampled: true })
  const ticket = await submit(formatTraceparent(caller))
  const { trace, status } = await webhookOf(ticket)
  expect(status).toBe("succeeded")
  const spans = await treeOf(caller.traceId, ["POST /v1/classifications", ...JOB_SPANS, "webhook"])
  const one = (name: string) => {
    const [found, another] = spans.filter((span) => span.name === name)
    expect(another).toBeUndefined()
    return found as NonNullable<typeof found>
  }
  const [edge, attempt, webhook] = [one("POST /v1/classifications"), one("process classify"), one("webhook")]
  expect(edge.parentSpanId).toBe(caller.spanId)
  for (const span of [one("queue wait"), attempt, webhook]) expect(span.parentSpanId).toBe(edge.spanId)
  for (const name of STAGES) expect(one(name).parentSpanId).toBe(attempt.spanId)
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length)
  expect([edge.service, attempt.service, webhook.service]).toEqual([
    "claimcheck-edge",
    "claimcheck-classifier",
    "claimcheck-classifier",
  ])
  expect([edge.kind, attempt.kind, webhook.kind]).toEqual([2, 5, 3])
  for (const span of spans) {
    expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano))
    expect(span.status).toBeUndefined()
  }

  expect(trace).toEqual({ ...caller, spanId: webhook.spanId })
  const jobId = ticket.id.slice(4, 30)
  for (const span of [edge, attempt, webhook]) expect(span.attributes["claimcheck.job_id"]).toBe(jobId)
  expect(edge.attributes).toMatchObject({ "http.route": "/v1/classifications", "http.response.status_code": 202 })
  expect(JSON.stringify(collector.posts)).not.toContain(ticket.id)
  for (const { path, headers } of collector.posts) expect([path, headers["x-key"]]).toEqual(["/v1/traces", "hunter2"])
})

test("every line of the log about a job has the middle of its ticket, and leads to its trace", async () => {
  const caller = newTrace({ isSampled: true })
  const ticket = await submit(formatTraceparent(caller))
  await webhookOf(ticket)
  const jobId = ticket.id.slice(4, 30)
  const linesOf = (text: string) =>
    stack
      .output()
      .split("\n")
      .filter((line) => line.includes(text))
  // Of two processes: a job can be claimed before its edge has come to say that it was accepted.
  const events = (text: string) =>
    linesOf(text)
      .map((line) => line.match(/(job|webhook)\.\w+/)?.[0] ?? line)
      .toSorted()
  await expect.poll(() => events(jobId)).toEqual(["job.accepted", "job.completed", "webhook.delivered"])
  expect(linesOf(caller.traceId)).toEqual(linesOf(jobId))
  expect(stack.output()).not.toContain(ticket.id)

  process.kill(-stack.groupOf("classifier"), "SIGSTOP")
  onTestFinished(() => void process.kill(-stack.groupOf("classifier"), "SIGCONT"))
  const waiting = await submit(null)
  const canceled = await fetch(`${stack.url}/v1/classifications/${waiting.id}`, { method: "DELETE" })
  expect(canceled.status).toBe(200)
  await expect.poll(() => events(waiting.id.slice(4, 30))).toEqual(["job.accepted", "job.canceled"])
})

test("a trace that its caller does not sample goes on to the webhook, and into no collector", async () => {
  const caller = newTrace({ isSampled: false })
  const { trace } = await webhookOf(await submit(formatTraceparent(caller)))
  expect(trace).toEqual({ ...caller, spanId: expect.any(String) })
  // What came after it has arrived, so it would have, too.
  const later = await webhookOf(await submit(null))
  await treeOf(later.trace?.traceId, ["POST /v1/classifications", ...JOB_SPANS, "webhook"])
  expect(spansOf(caller.traceId)).toEqual([])
})

test("without a traceparent, or with a broken one, a trace is begun", async () => {
  const broken = `00-${"0".repeat(32)}-00f067aa0ba902b7-01`
  for (const traceparent of [null, broken, "hunter2"]) {
    const { trace } = await webhookOf(await submit(traceparent))
    expect(trace).toMatchObject({ traceId: expect.stringMatching(/[1-9a-f]/), isSampled: true })
    const spans = await treeOf(trace?.traceId, ["POST /v1/classifications", ...JOB_SPANS, "webhook"])
    expect(spans.filter(({ parentSpanId }) => parentSpanId === undefined).map(({ kind }) => kind)).toEqual([2])
  }
})

test("who only reads begins no trace, and goes on with one", async () => {
  const ticket = await submit(null)
  const caller = newTrace({ isSampled: true })
  const path = `${stack.url}/v1/classifications/${ticket.id}`
  await fetch(path)
  await fetch(path, { headers: { traceparent: formatTraceparent(caller) } })
  const [read] = await treeOf(caller.traceId, ["GET /v1/classifications/:id"])
  expect(read?.parentSpanId).toBe(caller.spanId)
  expect(collector.spans().filter(({ name }) => name.startsWith("GET "))).toEqual([read])
})

test("the host of a picture learns nothing of the trace, and what fails says so", async () => {
  const caller = newTrace({ isSampled: true })
  await webhookOf(await submit(formatTraceparent(caller), { imageUrl: `${pictures}/a.png` }))
  expect(fetched.map(({ traceparent, tracestate }) => [traceparent, tracestate])).toEqual([[undefined, undefined]])
  await treeOf(caller.traceId, ["POST /v1/classifications", ...JOB_SPANS, "webhook"])

  const { trace, status } = await webhookOf(await submit(null, { imageUrl: "http://127.0.0.1:1/secret-path" }))
  expect(status).toBe("failed")
  const names = ["POST /v1/classifications", "queue wait", "process classify", "fetch", "finish", "webhook"]
  const spans = await treeOf(trace?.traceId, names)
  const failed = spans.filter((span) => span.status !== undefined)
  expect(failed).toMatchObject([{ name: "process classify", status: { code: 2, message: "url_refused" } }])
  expect(JSON.stringify(spans)).not.toContain("secret-path")
})

test("the pictures of a batch belong to the trace of its list", async () => {
  const caller = newTrace({ isSampled: true })
  const query = new URLSearchParams({ webhook_url: receiver.url })
  const response = await fetch(`${stack.url}/v1/batches?${query}`, {
    method: "POST",
    headers: { "content-type": "text/csv", traceparent: formatTraceparent(caller) },
    body: `url\n${pictures}/b1.png\n${pictures}/b2.png\n`,
  })
  expect(response.status).toBe(202)
  const { trace } = await webhookOf((await response.json()) as Ticket)
  expect(trace).toMatchObject({ traceId: caller.traceId, isSampled: true })
  await treeOf(caller.traceId, ["POST /v1/batches", ...JOB_SPANS, ...JOB_SPANS, "webhook"])
})

test("a collector that never answers holds up nobody", async () => {
  const before = collector.posts.length
  collector.behave(() => "hangs")
  for (let i = 0; i < 3; i++) expect(await webhookOf(await submit(null))).toMatchObject({ status: "succeeded" })
  await expect.poll(() => collector.posts.length).toBeGreaterThan(before)
})

test("with OTEL_TRACES_EXPORTER=none nothing is sent, and the webhook goes on with the trace all the same", async () => {
  const off = await startStack(["--edge", "node"], { ...variables(), OTEL_TRACES_EXPORTER: "none" })
  onTestFinished(() => off.dispose())
  await off.printed(/^ready /m)
  const caller = newTrace({ isSampled: true })
  const { trace } = await webhookOf(await submit(formatTraceparent(caller), { on: off }))
  expect(trace).toEqual({ ...caller, spanId: expect.any(String) })
  const begun = await webhookOf(await submit(null, { on: off }))
  expect(begun.trace?.isSampled).toBe(false)
  // On its way out a process sends what it has left.
  await off.dispose()
  expect(spansOf(caller.traceId)).toEqual([])
  expect(spansOf(begun.trace?.traceId)).toEqual([])
})
