import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { createInterface } from "node:readline"
import { createClient } from "@redis/client"
import { afterAll, beforeAll, expect, it, vi } from "vitest"
import { JobStore } from "../../../src/lib/queue/job-store.ts"
import { Operator } from "../../../src/lib/queue/operator.ts"
import { Registry } from "../../../src/lib/queue/registry.ts"
import { createKeys } from "../../../src/lib/redis/keys.ts"
import { connectRest } from "../../../src/lib/redis/rest.ts"
import { describeMetrics } from "../../support/docs/metrics-table.ts"
import { flatPng } from "../../support/images/images.ts"
import { writeTinyModel } from "../../support/models/tiny-model.ts"
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts"
import { claimOf, jobOf, submit } from "../../support/store/store-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../../support/store/store-limits.ts"
import { answers, SECRET, startReceiver, type WebhookReceiver } from "../../support/webhooks/webhook-receiver.ts"

const PROMTOOL = "/usr/bin/promtool"
const TOKEN = "a-token"
const POLL = { timeout: 20_000 }
const PARTS = ["edge", "gateway", "classifier", "deliverer"] as const
type Part = (typeof PARTS)[number]

let redisServer: TestRedis
let receiver: WebhookReceiver
let slow: Server
const children: ChildProcess[] = []
const urls = {} as Record<Part, string>
let api = ""
/** Names of all metrics of which some scrape had a sample. */
const seen = new Set<string>()

type Line = { event: string; url?: string }

/** Starts a part as it is deployed; returns its first line with that event. */
async function start(script: string, event: string, env: Record<string, string>): Promise<Line[]> {
  const child = spawn(process.execPath, [`dist/${script}`], { env, stdio: ["ignore", "pipe", "inherit"] })
  children.push(child)
  const lines: Line[] = []
  createInterface({ input: child.stdout }).on("line", (text) => void lines.push(JSON.parse(text)))
  const isThere = () => expect(lines.map((line) => line.event)).toContain(event)
  await vi.waitFor(isThere, { timeout: 60_000, interval: 50 })
  return lines
}
const urlIn = (lines: Line[], event: string) => lines.find((line) => line.event === event)?.url ?? ""

beforeAll(async () => {
  redisServer = await startRedis()
  receiver = await startReceiver(answers(410))
  slow = createServer(() => undefined).listen(0, "127.0.0.1")
  await once(slow, "listening")
  const token = { UPSTASH_REDIS_REST_TOKEN: TOKEN }
  const gateway = await start("gateway/main.js", "gateway.ready", {
    ...{ ...token, REDIS_URL: redisServer.url, GATEWAY_PORT: "0" },
  })
  urls.gateway = urlIn(gateway, "gateway.ready")
  const common = { ...token, UPSTASH_REDIS_REST_URL: urls.gateway, HEALTH_PORT: "0", LEASE_MS: "1000" }
  const guarded = { ALLOW_ADDRESSES: "127.0.0.1", WEBHOOK_SECRETS: SECRET }
  const models = writeTinyModel("bad", { withoutShard: true }, writeTinyModel("rgb"))
  const settings = { LANES: "1", DEFAULT_MODEL: "rgb", MODEL_LOOK_MS: "100" }
  const [classifier, deliverer, edge] = await Promise.all([
    start("classifier/main.js", "classifier.ready", { ...common, ...guarded, ...settings, CLAIMCHECK_MODELS: models }),
    start("classifier/deliver-main.js", "deliverer.ready", { ...common, ...guarded }),
    start("edge/node.js", "edge.ready", {
      ...{ ...common, PORT: "0", SHUTDOWN_DELAY_MS: "0", ALLOW_ANONYMOUS: "true", TICKET_SECRET: "x".repeat(32) },
    }),
  ])
  urls.classifier = urlIn(classifier, "health.listening")
  urls.deliverer = urlIn(deliverer, "health.listening")
  urls.edge = urlIn(edge, "health.listening")
  api = urlIn(edge, "edge.ready")
}, 90_000)
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL")
  slow?.closeAllConnections()
  slow?.close()
  await receiver?.close()
  await redisServer?.stop()
})

/** The sum of a metric's samples that have these labels, or null where there is none. */
async function read(part: Part, name: string, labels: Record<string, string> = {}): Promise<number | null> {
  const text = await (await fetch(`${urls[part]}/metrics`)).text()
  const rows = text.split("\n").filter((line) => line.startsWith("claimcheck_"))
  for (const row of rows) seen.add(/^\w+/.exec(row)?.[0] ?? "")
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  const found = rows.filter((row) => /^\w+/.exec(row)?.[0] === name && wanted.every((label) => row.includes(label)))
  return found.length === 0 ? null : found.reduce((sum, row) => sum + Number(row.split(" ").at(-1)), 0)
}

const expectMetric = (part: Part, name: string, labels: Record<string, string> = {}) =>
  expect.poll(() => read(part, `claimcheck_${name}`, labels), { ...POLL, message: `${part} ${name}` })

const post = (query: string, body: BodyInit, headers: Record<string, string> = {}) =>
  fetch(`${api}/v1/classifications?${query}`, { method: "POST", body, headers })
const postUrl = (image_url: string) =>
  post("model=rgb", JSON.stringify({ image_url }), { "content-type": "application/json" })
const slowUrl = (name: string) => `http://127.0.0.1:${(slow.address() as AddressInfo).port}/${name}`

it("every metric is seen on the real parts, with what it is about", { timeout: 120_000 }, async () => {
  const redis = connectRest({ url: urls.gateway, token: TOKEN, timeoutMs: 20_000 })
  const keys = createKeys()
  const store = new JobStore(redis, keys, DEFAULT_STORE_LIMITS)
  const operator = new Operator(redis, keys, DEFAULT_STORE_LIMITS)
  const client = createClient({ url: redisServer.url })
  client.on("error", () => undefined)
  await client.connect()
  for (const part of PARTS) await expectMetric(part, "ready").toBe(1)
  await expectMetric("classifier", "lanes", { engine: "wasm" }).toBe(1)

  // A picture, with a webhook that its receiver does not want.
  const webhook = encodeURIComponent(receiver.url)
  const png = new Uint8Array(flatPng([200, 10, 10]))
  const done = await post(`model=rgb&webhook_url=${webhook}`, png, { "content-type": "image/png", prefer: "wait=20" })
  expect(done.status).toBe(200)
  const answered = (await done.json()) as { id: string }
  await fetch(`${api}/v1/classifications/${answered.id}`)
  await expectMetric("classifier", "jobs_total", { outcome: "succeeded", queue: "rgb" }).toBe(1)
  await expectMetric("classifier", "job_stage_duration_seconds_count", { stage: "infer" }).toBe(1)
  const posted = { method: "POST", route: "/v1/classifications", status: "200" }
  await expectMetric("edge", "http_request_duration_seconds_count", posted).toBe(1)
  const polled = { method: "GET", route: "/v1/classifications/:id", status: "200" }
  await expectMetric("edge", "http_request_duration_seconds_count", polled).toBe(1)
  await expectMetric("edge", "webhooks_undelivered").toBe(1)
  const sent = async () =>
    ((await read("classifier", "claimcheck_webhook_attempts_total", { outcome: "gone" })) ?? 0) +
    ((await read("deliverer", "claimcheck_webhook_attempts_total", { outcome: "gone" })) ?? 0)
  await expect.poll(sent, POLL).toBe(1)

  // What is refused, and what no route takes.
  expect((await post("model=nobody", png, { "content-type": "image/png" })).status).toBe(422)
  await expectMetric("edge", "http_problems_total", { code: "unknown_model" }).toBe(1)
  await fetch(`${api}/v1/${"x".repeat(40)}`)
  await expectMetric("edge", "http_request_duration_seconds_count", { route: "none", status: "404" }).toBe(1)

  // A lease that somebody else has, and a ticket that is canceled, while their pictures are fetched.
  const { id } = (await (await postUrl(slowUrl("lost"))).json()) as { id: string }
  await expect.poll(async () => (await store.read(id.slice(4, 30)))?.state, POLL).toBe("processing")
  await expectMetric("classifier", "jobs_active").toBe(1)
  await expectMetric("edge", "queue_in_flight").toBe(1)
  const leases = await client.zRange(keys.leases, 0, -1)
  await client.zRem(
    keys.leases,
    leases.filter((lease) => lease.startsWith(id.slice(4, 30))),
  )
  await expectMetric("classifier", "jobs_total", { outcome: "lease_lost" }).toBe(1)
  const other = (await (await postUrl(slowUrl("canceled"))).json()) as { id: string }
  await expectMetric("classifier", "jobs_active").toBe(1)
  await fetch(`${api}/v1/classifications/${other.id}`, { method: "DELETE" })
  await expectMetric("classifier", "jobs_total", { outcome: "canceled" }).toBe(1)

  // Jobs of a classifier that died: one has used up its attempts, the other waits for a model that nobody serves.
  const nowMs = Date.now()
  await new Registry(redis, keys).enroll(
    [{ id: "gone", version: "1", name: "Gone", inputWidth: 8, inputHeight: 8, labels: 3 }],
    nowMs,
  )
  for (const [name, maxAttempts] of [
    ["dies", 1],
    ["waits", 3],
  ] as const) {
    const times = { createdMs: nowMs, deadlineMs: nowMs + 600_000 }
    await submit(store, jobOf(name, { model: "gone", queue: "gone", maxAttempts, ...times }))
  }
  await store.claim(claimOf({ queues: ["gone"], token: "dead", max: 2, nowMs, leaseMs: 1, worker: "died" }))
  await store.claim(
    claimOf({ queues: ["gone"], token: "dead", max: 2, nowMs, leaseMs: 1, worker: "died", isIdle: true }),
  )
  // A claim looks for leases that have run out; an idle classifier claims seldom.
  await post("model=rgb", new Uint8Array(flatPng([10, 200, 10])), { "content-type": "image/png" })
  await expectMetric("classifier", "jobs_total", { outcome: "dead", queue: "gone" }).toBe(1)
  await expectMetric("classifier", "jobs_total", { outcome: "retried", queue: "gone" }).toBe(1)
  for (const part of ["edge", "classifier", "deliverer"] as const) {
    await expectMetric(part, "queue_dead_letters").toBe(1)
    await expectMetric(part, "queue_depth", { queue: "gone" }).toBe(1)
    await expectMetric(part, "queue_oldest_age_seconds", { queue: "gone" }).toBeGreaterThan(0)
    await expectMetric(part, "queue_classifiers", { queue: "gone" }).toBe(0)
    await expectMetric(part, "queue_classifiers", { queue: "rgb" }).toBe(1)
    await expectMetric(part, "queue_result_bytes").toBeGreaterThan(1_500)
  }

  // A batch that is not done, a model that is broken, an operator who pauses and drains.
  const list = { method: "POST", headers: { "content-type": "text/csv" }, body: `url\n${slowUrl("row")}\n` }
  expect((await fetch(`${api}/v1/batches?operation=inspect`, list)).status).toBe(202)
  await expectMetric("edge", "batches_open").toBe(1)
  await expectMetric("deliverer", "models_broken", { model: "bad" }).toBe(1)
  await operator.pause()
  await operator.drain(true)
  await expectMetric("classifier", "queue_paused", { queue: "gone" }).toBe(1)
  await expectMetric("classifier", "queue_draining").toBe(1)

  // An event that nobody takes: its receiver is due, and the deliverers' own looks come later.
  await client.zAdd(keys.outbox, { value: "https://away.example", score: Date.now() - 60_000 })
  await expectMetric("classifier", "outbox_lag_seconds").toBeGreaterThan(30)
  await expectMetric("classifier", "outbox_receivers").toBeGreaterThan(0)

  // Redis: its settings, and that it is gone.
  await client.configSet({ maxmemory: "1gb", "maxmemory-policy": "volatile-lru" })
  await expectMetric("edge", "redis_policy", { policy: "volatile-lru" }).toBe(1)
  await expectMetric("edge", "redis_memory_max_bytes").toBe(2 ** 30)
  await expectMetric("gateway", "gateway_commands_total", { command: "evalsha" }).toBeGreaterThan(10)
  await expectMetric("gateway", "gateway_streams").toBe(2)
  client.destroy()
  if (existsSync(PROMTOOL)) {
    for (const part of PARTS) {
      const input = await (await fetch(`${urls[part]}/metrics`)).text()
      const ours = input.split("\n").filter((line) => line.includes("claimcheck_"))
      execFileSync(PROMTOOL, ["check", "metrics"], { input: `${ours.join("\n")}\n` })
    }
  }
  await redisServer.kill()
  await expectMetric("edge", "redis_up").toBe(0)
  await expectMetric("edge", "queue_depth").toBeNull()
  for (const part of PARTS) await expectMetric(part, "ready").toBe(0)

  const named = describeMetrics().map(({ name, type }) => (type === "histogram" ? `${name}_count` : name))
  expect(named.filter((name) => !seen.has(name))).toEqual([])
})
