import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { JobStore } from "../../../../src/lib/queue/job-store.ts"
import { createKeys } from "../../../../src/lib/redis/keys.ts"
import type { Redis } from "../../../../src/lib/redis/redis.ts"
import { connectRest } from "../../../../src/lib/redis/rest.ts"
import { createSealer } from "../../../../src/lib/redis/sealed-bytes.ts"
import { DELIVERY_LEASE_MS, Outbox } from "../../../../src/lib/webhooks/outbox.ts"
import { newWebhookSecret } from "../../../../src/lib/webhooks/webhook-secret.ts"
import { WebhookSettingsStore } from "../../../../src/lib/webhooks/webhook-settings.ts"
import { flatPng } from "../../../support/images/images.ts"
import { writeTinyModel } from "../../../support/models/tiny-model.ts"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../../support/redis/redis-server.ts"
import { claimOf, jobOf, submit, success } from "../../../support/store/store-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../../../support/store/store-limits.ts"
import { until } from "../../../support/webhooks/webhook-clock.ts"
import { answers, SECRET, startReceiver, type WebhookReceiver } from "../../../support/webhooks/webhook-receiver.ts"

const mainOf = (name: string) => fileURLToPath(new URL(`../../../../dist/classifier/${name}.js`, import.meta.url))
const DELIVERER = mainOf("deliver-main")
const CLASSIFIER = mainOf("main")
const CLI = fileURLToPath(new URL("../../../../dist/cli/main.js", import.meta.url))

let server: TestRedis
let gateway: TestGateway
let redis: Redis
let store: JobStore
let outbox: Outbox
let receiver: WebhookReceiver
const running: ChildProcess[] = []

beforeAll(async () => {
  if (!existsSync(DELIVERER)) throw new Error(`Cannot find ${DELIVERER}: run "npm run build"`)
  server = await startRedis()
  gateway = await startGateway({ redisUrl: server.url })
  redis = connectRest({ url: gateway.url, token: gateway.token, timeoutMs: 20_000 })
  store = new JobStore(redis, createKeys(), DEFAULT_STORE_LIMITS)
  outbox = new Outbox(redis, createKeys(), { resultTtlMs: 86_400_000 })
})
beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(async () => {
  for (const child of running.splice(0)) child.kill("SIGKILL")
  await receiver.close()
})
afterAll(async () => {
  await gateway.close()
  await server.stop()
})

type Line = { event: string } & Record<string, unknown>

function start(change: Record<string, string> = {}, main = DELIVERER) {
  const env = {
    UPSTASH_REDIS_REST_URL: gateway.url,
    UPSTASH_REDIS_REST_TOKEN: gateway.token,
    WEBHOOK_SECRETS: SECRET,
    ALLOW_ADDRESSES: "127.0.0.1",
    LOG_LEVEL: "debug",
    HEALTH_PORT: "0",
    ...change,
  }
  const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "pipe"] })
  running.push(child)
  const lines: Line[] = []
  const errors: string[] = []
  createInterface({ input: child.stdout }).on("line", (text) => void lines.push(JSON.parse(text)))
  child.stderr.on("data", (chunk) => void errors.push(String(chunk)))
  return {
    child,
    lines,
    errors,
    exit: once(child, "close").then(([code]) => code as number | null),
    event: (name: string) => until(() => lines.some(({ event }) => event === name), `it says ${name}`),
  }
}

let jobs = 0
async function end(change: { caller?: string } = {}): Promise<string> {
  const id = `job${++jobs}`
  const nowMs = Date.now()
  const times = { createdMs: nowMs, deadlineMs: nowMs + 60_000 }
  await submit(store, jobOf(id, { webhookUrl: receiver.url, ...times, ...change }))
  await store.claim(claimOf({ token: id, nowMs }))
  await store.finish({ jobId: id, token: id }, success(), nowMs)
  return id
}
const stateOf = async (id: string) => (await outbox.read(id))?.events.at(-1)?.state

describe("the classifier's process", () => {
  it("answers a job, and delivers its webhook", async () => {
    const settings = { CLAIMCHECK_MODELS: writeTinyModel("rgb"), LANES: "1", HEALTH_PORT: "0" }
    const classifier = start(settings, CLASSIFIER)
    await classifier.event("classifier.ready")
    const bytes = new Uint8Array(flatPng([200, 10, 10]))
    const nowMs = Date.now()
    const job = jobOf("red", {
      model: "rgb",
      webhookUrl: receiver.url,
      createdMs: nowMs,
      deadlineMs: nowMs + 60_000,
      bytes: bytes.length,
    })
    await store.putPayload(String(job.payloadId), bytes)
    await store.enqueue(job)
    await until(async () => (await stateOf("red")) === "delivered")
    expect(receiver.received[0]?.body).toMatchObject({
      type: "classification.succeeded",
      data: { id: "cls_red", status: "succeeded", predictions: [{ label: "red" }, {}, {}] },
    })
    classifier.child.kill("SIGTERM")
    expect(await classifier.exit).toBe(0)
  })
})

describe("the deliverer's process", () => {
  it.each(["REST", "TCP"])(
    "sends what lies there when it starts, and what comes as soon as it comes; leaves with 0 on SIGTERM (%s)",
    async (by) => {
      const before = await end()
      const byTcp = { REDIS_URL: server.url, UPSTASH_REDIS_REST_URL: "", UPSTASH_REDIS_REST_TOKEN: "" }
      const deliverer = start(by === "TCP" ? byTcp : {})
      await until(async () => (await stateOf(before)) === "delivered")
      await deliverer.event("wakeup.connected")
      const after = await end()
      // Long before the idle look, ten minutes later.
      await until(async () => (await stateOf(after)) === "delivered")
      deliverer.child.kill("SIGTERM")
      expect(await deliverer.exit).toBe(0)
      expect(receiver.received.map(({ body }) => body.data.id)).toEqual([`cls_${before}`, `cls_${after}`])
      expect(JSON.stringify(deliverer.lines)).not.toMatch(/hidden|whsec_/)
      expect(deliverer.errors).toEqual([])
    },
  )

  it("signs with an API key's sealed secret, which no command puts beside an open one", async () => {
    const PAYLOAD_SECRET = "a-secret-of-thirty-two-characters"
    const settings = new WebhookSettingsStore(redis, createKeys(), createSealer([PAYLOAD_SECRET]))
    await settings.rotateSecret("key:alice", SECRET)
    const endpoint = { UPSTASH_REDIS_REST_URL: gateway.url, UPSTASH_REDIS_REST_TOKEN: gateway.token }
    const claimcheck = async (args: string[], env: Record<string, string>) => {
      const child = spawn(process.execPath, [CLI, "webhook", ...args], { env: { ...endpoint, ...env } })
      let said = ""
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (text) => {
          said += text
        })
      }
      const [code] = await once(child, "close")
      return { code, said }
    }
    const refused = await claimcheck(["settings", "bob", "--rotate"], {})
    expect(refused).toEqual({ code: 1, said: expect.stringContaining("PAYLOAD_SECRET is not set here") })
    expect((await claimcheck(["seal"], { PAYLOAD_SECRET })).said).toContain("1 API key")
    const deliverer = start({ PAYLOAD_SECRET, WEBHOOK_SECRETS: newWebhookSecret() })
    // The receiver believes what SECRET signs, and nothing else.
    const id = await end({ caller: "key:alice" })
    await until(async () => (await stateOf(id)) === "delivered")
    deliverer.child.kill("SIGTERM")
    expect(await deliverer.exit).toBe(0)
    await settings.remove("key:alice")
  })

  it("killed in the middle of an attempt it loses nothing", async () => {
    receiver.behave(() => undefined)
    const killed = start()
    await killed.event("deliverer.ready")
    const id = await end()
    await until(() => receiver.received.length === 1, "the attempt is under way")
    killed.child.kill("SIGKILL")
    await killed.exit
    const take = { leaseMs: DELIVERY_LEASE_MS, token: "t", max: 16, perReceiver: 1, capacity: {} }
    expect((await outbox.take({ ...take, nowMs: Date.now() })).entries).toEqual([])
    // The lease would end by itself in 45 s; the clock of a script is its argument.
    const { entries } = await outbox.take({ ...take, nowMs: Date.now() + DELIVERY_LEASE_MS })
    expect(entries).toHaveLength(1)
    for (const taken of entries) await outbox.release(taken, Date.now())
    receiver.behave(answers(204))
    start()
    await until(async () => (await stateOf(id)) === "delivered")
    expect(receiver.received.map((one) => one.id)).toEqual([receiver.received[0]?.id, receiver.received[0]?.id])
  })

  it("that is told to leave in the middle of an attempt waits for its answer", async () => {
    let answer: () => void = () => undefined
    receiver.behave((response) => {
      answer = () => response.writeHead(204).end()
    })
    const deliverer = start()
    await deliverer.event("deliverer.ready")
    const id = await end()
    await until(() => receiver.received.length === 1, "the attempt is under way")
    deliverer.child.kill("SIGTERM")
    answer()
    expect(await deliverer.exit).toBe(0)
    expect(await stateOf(id)).toBe("delivered")
  })

  it("does not start with a configuration that is wrong, and says which variable without its value", async () => {
    const deliverer = start({ WEBHOOK_SECRETS: "hush" })
    expect(await deliverer.exit).toBe(2)
    expect(deliverer.errors.join("")).toMatch(/WEBHOOK_SECRETS must be whsec_/)
    expect(deliverer.errors.join("")).not.toContain("hush")
  })
})
