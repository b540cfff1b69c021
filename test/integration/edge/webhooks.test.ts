import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { ticketSchema } from "../../../src/lib/tickets/ticket.ts"
import { deliveriesSchema } from "../../../src/lib/webhooks/delivery.ts"
import { WebhookSettingsStore } from "../../../src/lib/webhooks/webhook-settings.ts"
import { conformingEdge } from "../../contract/conforming-edge.ts"
import { startBackend } from "../../support/edge/edge-backend.ts"
import { FakeClassifier } from "../../support/edge/edge-classifier.ts"
import { openInProcess } from "../../support/edge/edge-in-process.ts"
import { ALICE, type Backend, BOB, edgeEnv, type RunningEdge } from "../../support/edge/edge-runtime.ts"
import { uniqueJpeg } from "../../support/images/edge-images.ts"
import { until, WebhookClock } from "../../support/webhooks/webhook-clock.ts"
import { type RunningDeliverer, startDeliverer } from "../../support/webhooks/webhook-harness.ts"
import { answers, startReceiver, type WebhookReceiver } from "../../support/webhooks/webhook-receiver.ts"

let backend: Backend
let classifier: FakeClassifier
let edge: RunningEdge
let clock: WebhookClock
let receiver: WebhookReceiver
let deliverer: RunningDeliverer

beforeAll(async () => {
  backend = await startBackend()
  classifier = new FakeClassifier(backend)
  await classifier.arrive()
})
afterAll(() => backend.stop())
beforeEach(async () => {
  clock = new WebhookClock(Date.now())
  edge = conformingEdge(openInProcess(await edgeEnv(backend), { now: clock.now }))
  receiver = await startReceiver()
  deliverer = startDeliverer(classifier, clock)
})
afterEach(async () => {
  await deliverer.leave()
  await receiver.close()
  clock.stop()
})

type Call = { key?: string; method?: string; headers?: Record<string, string>; body?: Uint8Array<ArrayBuffer> }

const call = (path: string, { key, headers = {}, ...init }: Call = {}) =>
  edge.request(path, { ...init, headers: { ...headers, ...(key !== undefined && { authorization: `Bearer ${key}` }) } })

async function upload(options: Record<string, string> = { webhook_url: receiver.url }, init: Call = {}) {
  const query = new URLSearchParams(options)
  const body = init.body ?? uniqueJpeg()
  const response = await call(`/v1/classifications?${query}`, { ...init, method: "POST", body })
  expect([200, 202]).toContain(response.status)
  return ticketSchema.parse(await response.json())
}
const deliveriesPath = (id: string) => `/v1/classifications/${id}/deliveries`

async function deliveriesOf(id: string, init: Call = {}) {
  const response = await call(deliveriesPath(id), init)
  expect([200, 202]).toContain(response.status)
  return deliveriesSchema.parse(await response.json())
}
async function untilReceived(count: number): Promise<void> {
  await until(() => {
    deliverer.look()
    return receiver.received.length === count
  }, `${count} were received`)
}

describe("webhook_url", () => {
  it.each([
    ["nonsense", "an absolute URL"],
    ["ftp://example.com/", "an https or http URL"],
    ["https://user:secret@example.com/", "no user name or password"],
    [`https://example.com/${"a".repeat(2_000)}`, "at most 2000 characters"],
  ])("refuses %s with 422, and keeps nothing", async (url, reason) => {
    const query = new URLSearchParams({ webhook_url: url })
    const response = await call(`/v1/classifications?${query}`, { method: "POST", body: uniqueJpeg() })
    const problem = await response.json()
    expect(problem).toMatchObject({ status: 422, code: "invalid_options" })
    expect(problem.detail).toMatch(new RegExp(`webhook_url: must (be|hold|have) ${reason}$`))
    expect(JSON.stringify(problem)).not.toContain("secret")
    expect(await classifier.payloadKeys()).toEqual([])
  })

  it("is taken as a form field, too", async () => {
    const form = new FormData()
    form.set("image", new Blob([uniqueJpeg()]), "a.jpg")
    form.set("webhook_url", receiver.url)
    const response = await edge.request("/v1/classifications", { method: "POST", body: form })
    const { id } = ticketSchema.parse(await response.json())
    expect(await deliveriesOf(id)).toEqual({ url: receiver.url, deliveries: [] })
    await classifier.work()
    await untilReceived(1)
  })

  it("is part of what a repeated Idempotency-Key is held against", async () => {
    const init = { body: uniqueJpeg(), headers: { "idempotency-key": "once" } }
    const first = await upload({ webhook_url: receiver.url }, init)
    expect((await upload({ webhook_url: receiver.url }, init)).id).toBe(first.id)
    const query = new URLSearchParams({ webhook_url: "https://elsewhere.example/" })
    const response = await call(`/v1/classifications?${query}`, { ...init, method: "POST" })
    expect(await response.json()).toMatchObject({ status: 422, code: "idempotency_mismatch" })
    await classifier.work()
    await untilReceived(1)
  })

  it("is never called before the result can be read, however the ticket ends", async () => {
    const seen: Record<string, string> = {}
    const reads: Promise<void>[] = []
    receiver.behave((response, _n, { body }) => {
      const read = async () => {
        const ticket = await (await call(`/v1/classifications/${body.data.id}`)).json()
        expect(ticket).toEqual(body.data)
        seen[ticket.id] = `${body.type} ${ticket.status}`
        response.writeHead(204).end()
      }
      reads.push(read())
    })
    const picture = uniqueJpeg()
    const [first, second] = [await upload(undefined, { body: picture }), await upload(undefined, { body: picture })]
    const canceled = await upload()
    await call(`/v1/classifications/${canceled.id}`, { method: "DELETE" })
    await classifier.work()
    const known = await upload(undefined, { body: picture })
    expect(known).toMatchObject({ done: true, cached: true })
    await untilReceived(4)
    await Promise.all(reads)
    expect(seen).toEqual({
      [first.id]: "classification.succeeded succeeded",
      [second.id]: "classification.succeeded succeeded",
      [known.id]: "classification.succeeded succeeded",
      [canceled.id]: "classification.canceled canceled",
    })
  })
})

describe("an API key's default webhook", () => {
  const settings = () => new WebhookSettingsStore(classifier.redis, classifier.keys)
  afterEach(() => settings().remove("key:alice"))

  it("is called for its jobs, unless a submit names another place, or none", async () => {
    const elsewhere = await startReceiver()
    await settings().setUrl("key:alice", receiver.url)
    const byDefault = await upload({}, { key: ALICE })
    const named = await upload({ webhook_url: elsewhere.url }, { key: ALICE })
    const none = await upload({ webhook_url: "" }, { key: ALICE })
    const others = [await upload({}, { key: BOB }), await upload({})]
    await classifier.work()
    await untilReceived(1)
    await until(() => elsewhere.received.length === 1)
    expect(receiver.received[0]?.body.data.id).toBe(byDefault.id)
    expect(elsewhere.received[0]?.body.data.id).toBe(named.id)
    expect((await call(deliveriesPath(none.id), { key: ALICE })).status).toBe(404)
    expect((await call(deliveriesPath(others[0]?.id ?? ""), { key: BOB })).status).toBe(404)
    expect((await call(deliveriesPath(others[1]?.id ?? ""))).status).toBe(404)
    await elsewhere.close()
  })

  it("that was changed is in force within a minute", async () => {
    await upload({}, { key: ALICE })
    await settings().setUrl("key:alice", receiver.url)
    clock.pass(60_000)
    const { id } = await upload({}, { key: ALICE })
    expect(await deliveriesOf(id, { key: ALICE })).toMatchObject({ url: receiver.url })
    await classifier.work()
    await untilReceived(1)
  })
})

describe("GET /v1/classifications/{id}/deliveries", () => {
  it("tells every attempt, how it ended, and when the next one is", async () => {
    receiver.behave(answers(503, 204))
    const { id } = await upload()
    expect(await deliveriesOf(id)).toEqual({ url: receiver.url, deliveries: [] })
    await classifier.work()
    await untilReceived(1)
    await until(async () => (await deliveriesOf(id)).deliveries[0]?.attempts.length === 1)
    const waiting = (await deliveriesOf(id)).deliveries[0]
    expect(waiting).toMatchObject({
      id: receiver.received[0]?.id,
      type: "classification.succeeded",
      state: "pending",
      attempts: [{ status: 503, error: { code: "bad_status" }, duration_ms: expect.any(Number) }],
    })
    clock.moveTo(Date.parse(waiting?.next_attempt_at ?? ""))
    await until(async () => (await deliveriesOf(id)).deliveries[0]?.state === "delivered")
    expect((await deliveriesOf(id)).deliveries).toMatchObject([
      { state: "delivered", next_attempt_at: null, attempts: [{ status: 503 }, { status: 204 }] },
    ])
  })

  it("goes on when the ticket has expired", async () => {
    const { id } = await upload()
    await classifier.work()
    await untilReceived(1)
    const jobKeys = await classifier.sdk.keys(classifier.keys.job("*"))
    await classifier.sdk.del(...jobKeys)
    expect((await call(`/v1/classifications/${id}`)).status).toBe(404)
    expect((await deliveriesOf(id)).deliveries).toHaveLength(1)
  })

  it("is 404 for a ticket without a webhook, somebody else's, and one that we did not sign", async () => {
    const plain = await upload({})
    const alices = await upload(undefined, { key: ALICE })
    const forged = `${alices.id.slice(0, -1)}${alices.id.endsWith("0") ? "1" : "0"}`
    for (const [path, key] of [
      [deliveriesPath(plain.id), undefined],
      [deliveriesPath(alices.id), BOB],
      [deliveriesPath(alices.id), undefined],
      [deliveriesPath(forged), ALICE],
      [deliveriesPath("cls_none"), undefined],
    ] as const) {
      for (const method of ["GET", "POST"]) {
        const response = await call(path, { method, ...(key !== undefined && { key }) })
        expect(await response.json()).toMatchObject({ status: 404, code: "not_found" })
      }
    }
    await classifier.work()
    await untilReceived(1)
    expect((await call(deliveriesPath(alices.id), { key: BOB })).status).toBe(404)
    expect((await call(deliveriesPath(alices.id), { key: BOB, method: "POST" })).status).toBe(404)
    expect((await call(deliveriesPath(alices.id), { key: ALICE })).status).toBe(200)
  })
})

// Attempts are timed by a clock that goes on, so a little more than the five seconds.
const PAUSE_MS = 6_000

describe("POST /v1/classifications/{id}/deliveries", () => {
  it("sends again, under the same id", async () => {
    const { id } = await upload()
    await classifier.work()
    await untilReceived(1)
    await until(async () => (await deliveriesOf(id)).deliveries[0]?.state === "delivered")
    clock.pass(PAUSE_MS)
    const response = await call(deliveriesPath(id), { method: "POST" })
    expect(response.status).toBe(202)
    expect(deliveriesSchema.parse(await response.json()).deliveries).toMatchObject([{ state: "pending" }])
    await untilReceived(2)
    expect(new Set(receiver.received.map((one) => one.id)).size).toBe(1)
    await until(async () => (await deliveriesOf(id)).deliveries[0]?.attempts.length === 2)
  })

  it("is 429 within five seconds of the last attempt, or of the last time, and then sends nothing", async () => {
    const { id } = await upload()
    await classifier.work()
    await untilReceived(1)
    await until(async () => (await deliveriesOf(id)).deliveries[0]?.state === "delivered")
    const resend = () => call(deliveriesPath(id), { method: "POST" })
    const expectTooSoon = async (state: string) => {
      const response = await resend()
      expect(await response.json()).toMatchObject({
        status: 429,
        code: "resend_too_soon",
        title: "The webhook was sent a moment ago",
        detail: "Cannot resend the webhook yet: at most one attempt every 5 s is sent on request",
      })
      expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1)
      expect(Number(response.headers.get("retry-after"))).toBeLessThanOrEqual(5)
      expect((await deliveriesOf(id)).deliveries).toMatchObject([{ state }])
    }
    await expectTooSoon("delivered")
    clock.pass(PAUSE_MS)
    // Of many at once one is taken, before any deliverer has looked.
    const statuses = (await Promise.all(Array.from({ length: 5 }, resend))).map(({ status }) => status)
    expect(statuses.sort()).toEqual([202, 429, 429, 429, 429])
    await expectTooSoon("pending")
    await untilReceived(2)
    await until(async () => (await deliveriesOf(id)).deliveries[0]?.attempts.length === 2)
    await expectTooSoon("delivered")
    clock.pass(PAUSE_MS)
    expect((await resend()).status).toBe(202)
    await untilReceived(3)
  })

  it("is 409 while the ticket is not done", async () => {
    const { id } = await upload()
    const response = await call(deliveriesPath(id), { method: "POST" })
    expect(await response.json()).toMatchObject({ status: 409, code: "not_finished" })
    await classifier.work()
    await untilReceived(1)
  })

  it("is one of the two methods there", async () => {
    const response = await call(deliveriesPath("cls_any"), { method: "PUT" })
    expect(response.status).toBe(405)
    expect(response.headers.get("allow")).toBe("GET, POST")
  })
})
