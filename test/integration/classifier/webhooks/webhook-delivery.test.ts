import { Webhook } from "standardwebhooks"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { GuardedFetch } from "../../../../src/classifier/fetch/guarded/guarded-fetch.ts"
import { sendWebhook } from "../../../../src/classifier/webhooks/send-webhook.ts"
import { createSigners } from "../../../../src/classifier/webhooks/webhook-signers.ts"
import { AppError } from "../../../../src/lib/app-error.ts"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"
import type { NewJob } from "../../../../src/lib/queue/new-job.ts"
import type { Redis } from "../../../../src/lib/redis/redis.ts"
import type { DeliveryEvent } from "../../../../src/lib/webhooks/delivery.ts"
import { DELIVERY_LEASE_MS, Outbox } from "../../../../src/lib/webhooks/outbox.ts"
import { newWebhookSecret } from "../../../../src/lib/webhooks/webhook-secret.ts"
import { WebhookSettingsStore } from "../../../../src/lib/webhooks/webhook-settings.ts"
import { dumpStore } from "../../../support/store/store-audit.ts"
import { claimOf, failure, jobOf, submit, success, T0 } from "../../../support/store/store-harness.ts"
import { useStore } from "../../../support/store/use-store.ts"
import { until, WebhookClock } from "../../../support/webhooks/webhook-clock.ts"
import {
  type DelivererChange,
  RESULT_TTL_MS,
  type RunningDeliverer,
  startDeliverer,
} from "../../../support/webhooks/webhook-harness.ts"
import { answers, SECRET, startReceiver, type WebhookReceiver } from "../../../support/webhooks/webhook-receiver.ts"

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const SCHEDULE_MS = [5_000, 5 * MINUTE_MS, 30 * MINUTE_MS, ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR_MS)]

/** Of a deliverer that dies after its first look. */
const ONE_LOOK = { wake: () => undefined, sleep: () => new Promise<void>(() => undefined) }

const harness = useStore()
let clock: WebhookClock
let store: JobStore
let outbox: Outbox
let receiver: WebhookReceiver
let deliverers: RunningDeliverer[] = []
let receivers: WebhookReceiver[] = []

beforeEach(async () => {
  clock = new WebhookClock(T0)
  store = harness.store()
  outbox = new Outbox(harness.redis, harness.keys, { resultTtlMs: RESULT_TTL_MS })
  receivers = []
  deliverers = []
  receiver = await open()
})
afterEach(async () => {
  await Promise.all(deliverers.map((deliverer) => deliverer.leave()))
  await Promise.all(receivers.map((one) => one.close()))
  clock.stop()
})

async function open(...args: Parameters<typeof startReceiver>): Promise<WebhookReceiver> {
  const one = await startReceiver(...args)
  receivers.push(one)
  return one
}
function deliver(change: DelivererChange = {}): RunningDeliverer {
  const deliverer = startDeliverer(harness, clock, { shutdownMs: 50, ...change })
  deliverers.push(deliverer)
  return deliverer
}

/** A ticket that has ended, and whose webhook is due. */
async function end(
  id: string,
  { to = receiver.url, ...options }: Partial<NewJob> & { to?: string } = {},
): Promise<void> {
  await submit(store, jobOf(id, { webhookUrl: to, createdMs: clock.now(), ...options }))
  const token = `of-${id}`
  await store.claim(claimOf({ token, nowMs: clock.now() }))
  await store.finish({ jobId: id, token }, success(), clock.now())
}
const look = () => {
  for (const deliverer of deliverers) deliverer.look()
}

const eventOf = async (id: string): Promise<DeliveryEvent | undefined> => (await outbox.read(id))?.events.at(-1)
async function untilTried(id: string, attempts: number): Promise<DeliveryEvent> {
  await until(async () => ((await eventOf(id))?.attempts.length ?? 0) >= attempts, `${id} was tried ${attempts} times`)
  const event = await eventOf(id)
  if (event === undefined) throw new Error(`There is no event of ${id}`)
  return event
}
/** Lets the time come at which the event is tried next, and a little more. */
async function untilDue(id: string): Promise<void> {
  const event = await eventOf(id)
  if (event?.dueMs === undefined) throw new Error(`${id} is not due any more: ${event?.state}`)
  clock.moveTo(event.dueMs)
}

describe("an event", () => {
  it("reaches its receiver once, signed, with the ticket as its data", async () => {
    deliver()
    await end("a")
    look()
    expect(await untilTried("a", 1)).toMatchObject({ state: "delivered", attempts: [{ atMs: T0, status: 204 }] })
    const [one] = receiver.received
    expect(one?.body).toMatchObject({
      type: "classification.succeeded",
      timestamp: new Date(T0).toISOString(),
      data: { id: "cls_a", status: "succeeded", done: true, predictions: [{ label: "cat" }] },
    })
    expect(one?.headers).toMatchObject({
      "webhook-id": `msg_a_${T0}`,
      "webhook-timestamp": String(T0 / 1_000),
      "content-type": "application/json",
      "user-agent": "claimcheck-webhooks",
    })
    clock.pass(HOUR_MS)
    look()
    await end("b")
    look()
    await untilTried("b", 1)
    expect(receiver.received.map(({ id }) => id)).toEqual([`msg_a_${T0}`, `msg_b_${T0 + HOUR_MS}`])
  })

  it("of every kind is sent: failed, canceled, dead, known, and of all who share the work", async () => {
    deliver()
    for (const id of ["failed", "canceled", "dead"]) {
      await submit(store, jobOf(id, { webhookUrl: receiver.url, maxAttempts: 1 }))
    }
    await store.cancel("canceled", T0)
    await store.claim(claimOf({ token: "t", max: 2, isIdle: true }))
    await store.finish({ jobId: "failed", token: "t" }, failure(), T0)
    await store.retry({ jobId: "dead", token: "t" }, "the lane died", { nowMs: T0, counts: true })
    const shared = { contentKey: "cats", webhookUrl: receiver.url }
    await submit(store, jobOf("leader", shared))
    await submit(store, jobOf("follower", shared))
    await store.claim(claimOf({ token: "u" }))
    await store.finish({ jobId: "leader", token: "u" }, success(), T0)
    await submit(store, jobOf("known", shared))
    look()
    await until(() => receiver.received.length === 6)
    const types = receiver.received.map(({ body }) => [body.data.id, body.type.split(".")[1]])
    expect(Object.fromEntries(types)).toEqual({
      cls_failed: "failed",
      cls_canceled: "canceled",
      cls_dead: "failed",
      cls_leader: "succeeded",
      cls_follower: "succeeded",
      cls_known: "succeeded",
    })
  })

  it("carries every secret's signature: the caller's own, and beside its first one the deployment's", async () => {
    const settings = new WebhookSettingsStore(harness.redis, harness.keys)
    const { secret: old } = await settings.rotateSecret("key:alice")
    const { secret: fresh } = await settings.rotateSecret("key:alice")
    const { secret: first } = await settings.rotateSecret("key:carol")
    const { secret: only } = await settings.rotateSecret("key:dave")
    await settings.dropOldSecrets("key:dave")
    const seen: { headers: Readonly<Record<string, string>>; text: string }[] = []
    const fetch: GuardedFetch["fetch"] = async (url, { headers = {}, body }) => {
      seen.push({ headers, text: String(body) })
      return { status: 204, headers: new Headers(), body: new Uint8Array(), truncated: false, url: String(url) }
    }
    const signersOf = createSigners(settings, { secrets: [SECRET] })
    deliver({ send: (taken, signal) => sendWebhook({ fetch, signersOf, now: clock.now }, taken, signal) })
    await end("a", { caller: "key:alice" })
    await end("b", { caller: "ip:203.0.113.7" })
    await end("c", { caller: "key:bob" })
    await end("d", { caller: "key:carol" })
    await end("e", { caller: "key:dave" })
    look()
    await until(() => seen.length === 5)
    const verifiedBy = (id: string) => {
      const one = seen.find(({ headers }) => headers["webhook-id"] === `msg_${id}_${T0}`)
      const secrets = { old, fresh, first, only, deployment: SECRET, other: newWebhookSecret() }
      return Object.entries(secrets).flatMap(([name, secret]) => {
        try {
          new Webhook(secret).verify(one?.text ?? "", one?.headers ?? {})
          return [name]
        } catch {
          return []
        }
      })
    }
    expect(verifiedBy("a")).toEqual(["old", "fresh"])
    expect(verifiedBy("b")).toEqual(["deployment"])
    expect(verifiedBy("c")).toEqual(["deployment"])
    expect(verifiedBy("d")).toEqual(["first", "deployment"])
    expect(verifiedBy("e")).toEqual(["only"])
  })

  it("is never sent unsigned: without a secret the attempt fails and says why", async () => {
    deliver({ secrets: [] })
    await end("a")
    look()
    expect(await untilTried("a", 1)).toMatchObject({ state: "pending", attempts: [{ error: { code: "no_secret" } }] })
    expect(receiver.received).toEqual([])
  })
})

describe("a receiver that", () => {
  it("is down for a while gets every event when it is back, in the schedule's time", async () => {
    deliver()
    await receiver.goDown()
    await end("a")
    await end("b")
    look()
    for (let tries = 1; tries <= 3; tries++) {
      for (const id of ["a", "b"]) await untilTried(id, tries)
      if (tries === 3) await receiver.comeBack()
      for (const id of ["a", "b"]) await untilDue(id)
    }
    for (const id of ["a", "b"]) {
      const { state, attempts } = await untilTried(id, 4)
      expect(state).toBe("delivered")
      expect(attempts.slice(0, 3)).toMatchObject(
        Array.from({ length: 3 }, () => ({ error: { code: "connect_failed" } })),
      )
    }
    expect(receiver.received.map(({ id }) => id).sort()).toEqual([`msg_a_${T0}`, `msg_b_${T0}`])
  })

  it("answers 500 gets ten tries on the schedule, then it is given up, listed, and can be sent again", async () => {
    receiver.behave(answers(500))
    const deliverer = deliver()
    await end("a")
    look()
    for (let tries = 1; tries <= 10; tries++) {
      await untilTried("a", tries)
      if (tries < 10) await untilDue("a")
    }
    const times = receiver.received.map(({ atMs }) => atMs)
    const waits = times.slice(1).map((atMs, i) => (atMs - (times[i] ?? 0)) / (SCHEDULE_MS[i] ?? 0))
    expect(waits).toHaveLength(9)
    for (const wait of waits) {
      expect(wait).toBeGreaterThanOrEqual(1)
      expect(wait).toBeLessThan(1.101)
    }
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1)
    expect(await eventOf("a")).toMatchObject({ state: "given_up" })
    expect(await outbox.listUndelivered()).toMatchObject([{ eventId: `msg_a_${T0}`, event: { state: "given_up" } }])

    await outbox.resend("a", { nowMs: clock.now() })
    look()
    await untilTried("a", 11)
    expect((await eventOf("a"))?.dueMs).toBeLessThan(clock.now() + 6_000)
    receiver.behave(answers(204))
    await untilDue("a")
    expect(await untilTried("a", 12)).toMatchObject({ state: "delivered" })
    expect(await outbox.countUndelivered()).toBe(0)
    expect(deliverer.logged()).not.toMatch(/hidden|\/hook|whsec_|cat/)
  })

  it("answers 500 and then 200 gets the event five seconds later", async () => {
    receiver.behave(answers(500, 200))
    deliver()
    await end("a")
    look()
    await untilTried("a", 1)
    clock.pass(4_999)
    expect(receiver.received).toHaveLength(1)
    await untilDue("a")
    expect(await untilTried("a", 2)).toMatchObject({ state: "delivered", attempts: [{ status: 500 }, { status: 200 }] })
  })

  it("answers too slowly is tried again, and was right to be: it gets the event", async () => {
    receiver.behave((response, n) => {
      if (n > 0) response.writeHead(204).end()
    })
    deliver({ timeoutMs: 150 })
    await end("a")
    look()
    expect(await untilTried("a", 1)).toMatchObject({ attempts: [{ error: { code: "timeout" } }] })
    await untilDue("a")
    expect(await untilTried("a", 2)).toMatchObject({ state: "delivered" })
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1)
  })

  it("redirects has failed: nobody is asked elsewhere", async () => {
    const elsewhere = await open()
    receiver.behave((response, n) => {
      if (n === 0) response.writeHead(307, { location: elsewhere.url }).end()
      else response.writeHead(204).end()
    })
    deliver()
    await end("a")
    look()
    expect(await untilTried("a", 1)).toMatchObject({
      state: "pending",
      attempts: [{ status: 307, error: { code: "redirect" } }],
    })
    await untilDue("a")
    await untilTried("a", 2)
    expect(elsewhere.received).toEqual([])
  })

  it("resets the connection, or breaks off its answer, is tried again", async () => {
    receiver.behave((response, n) => {
      if (n === 0) response.socket?.resetAndDestroy()
      else if (n === 1) {
        response.writeHead(200, { "content-length": "100" })
        response.write("half", () => response.socket?.destroy())
      } else response.writeHead(204).end()
    })
    deliver()
    await end("a")
    look()
    expect(await untilTried("a", 1)).toMatchObject({ attempts: [{ error: { code: "connection_lost" } }] })
    await untilDue("a")
    await untilTried("a", 2)
    await untilDue("a")
    expect(await untilTried("a", 3)).toMatchObject({ state: "delivered" })
  })

  it("answers 410 wants no more: no further try, and it is listed", async () => {
    receiver.behave(answers(410))
    deliver()
    await end("a")
    look()
    expect(await untilTried("a", 1)).toMatchObject({
      state: "gone",
      attempts: [{ status: 410, error: { code: "gone" } }],
    })
    expect(await outbox.listUndelivered()).toMatchObject([{ event: { state: "gone" } }])
    clock.pass(100 * HOUR_MS)
    await end("b")
    look()
    await untilTried("b", 1)
    expect(receiver.received.map(({ id }) => id.split("_")[1])).toEqual(["a", "b"])
  })

  it.each([
    ["in seconds", () => "120", 120_000],
    ["as a date", () => new Date(T0 + 120_000).toUTCString(), 120_000],
    ["that is shorter than the schedule", () => "1", 5_000],
    ["that is longer than a day", () => "999999", 24 * HOUR_MS],
  ])("asks with Retry-After %s to be left alone is left alone", async (_how, value, waitMs) => {
    receiver.behave((response) => response.writeHead(429, { "retry-after": value() }).end())
    deliver({ random: () => 0 })
    await end("a")
    look()
    expect((await untilTried("a", 1)).dueMs).toBe(T0 + waitMs)
  })

  it("answers with more than it should has been heard all the same", async () => {
    receiver.behave((response) => response.writeHead(200).end(Buffer.alloc(5_000_000)))
    deliver()
    await end("a")
    look()
    expect(await untilTried("a", 1)).toMatchObject({ state: "delivered" })
  })

  it.each([
    ["is private", () => receiver.url, "address_refused"],
    ["is asked at a port that is not allowed", () => "https://hooks.example.com:8443/hidden", "port_refused"],
    ["is asked by plain http", () => "http://hooks.example.com/hidden", "scheme_refused"],
  ])("%s is given up at once, with a code that says so, and nothing connects to it", async (_what, to, code) => {
    deliver({ allowAddresses: [] })
    await end("a", { to: to() })
    look()
    expect(await untilTried("a", 1)).toMatchObject({
      state: "given_up",
      attempts: [{ error: { code, message: expect.not.stringContaining("hidden") } }],
    })
    expect(await outbox.listUndelivered()).toMatchObject([{ event: { state: "given_up" } }])
    expect(receiver.received).toEqual([])
  })

  it("is slow delays no other, however much there is for it", async () => {
    receiver.behave(() => undefined)
    const quick = await open()
    harness.auditing = false
    deliver({ timeoutMs: 20_000 })
    for (let i = 0; i < 40; i++) await end(`slow${i}`)
    for (let i = 0; i < 10; i++) await end(`quick${i}`, { to: quick.url })
    look()
    await until(() => quick.received.length === 10, "the quick one has all")
    expect(receiver.received.length).toBeLessThanOrEqual(4)
    for (let i = 10; i < 20; i++) await end(`quick${i}`, { to: quick.url })
    look()
    await until(() => quick.received.length === 20, "the quick one has all that came later")
    expect(receiver.received.length).toBeLessThanOrEqual(4)
    harness.auditing = true
  })

  it("hangs on some events gets the others meanwhile, and a resend at once although it is full", async () => {
    const isSlow = (id: string) => id.startsWith("cls_slow")
    receiver.behave((response, n, { body }) => {
      if (!isSlow(body.data.id)) response.writeHead(204).end()
      else if (n < 3) response.writeHead(500).end()
    })
    harness.auditing = false
    deliver({ timeoutMs: 20_000 })
    for (const id of ["slow1", "slow2", "slow3"]) await end(id)
    look()
    for (const id of ["slow1", "slow2", "slow3"]) await untilTried(id, 1)
    clock.pass(6_000)
    await until(() => receiver.received.length === 6, "all that failed are sent again, and hang")
    for (let i = 0; i < 10; i++) await end(`quick${i}`)
    look()
    await until(() => receiver.received.length === 16, "all others have arrived")
    await end("slow4")
    clock.pass(1)
    await end("quick10")
    look()
    await until(() => receiver.received.length === 17, "the receiver is full")
    await outbox.resend("quick0", { nowMs: clock.now() })
    look()
    await until(() => receiver.received.length === 18, "the resend has arrived")
    expect(receiver.received.at(-1)?.id).toContain("quick0")
    harness.auditing = true
  })

  it("has much coming gets all of it, a few at a time", async () => {
    let [now, most] = [0, 0]
    receiver.behave((response) => {
      most = Math.max(most, ++now)
      setTimeout(() => {
        now--
        response.writeHead(204).end()
      }, 5)
    })
    harness.auditing = false
    for (let i = 0; i < 60; i++) await end(`j${i}`)
    deliver()
    await until(() => receiver.received.length === 60)
    expect(most).toBeLessThanOrEqual(4)
    await until(async () => (await dumpStore(harness.client, harness.keys)).lines.size === 0, "all is recorded")
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(60)
  })
})

describe("deliverers", () => {
  it("two at once send nothing twice", async () => {
    harness.auditing = false
    deliver()
    deliver()
    const ids = Array.from({ length: 60 }, (_, i) => `j${i}`)
    for (const id of ids) {
      await end(id)
      look()
    }
    await until(async () => (await dumpStore(harness.client, harness.keys)).lines.size === 0, "all is recorded")
    expect(receiver.received.map(({ body }) => body.data.id).sort()).toEqual(ids.map((id) => `cls_${id}`).sort())
  })

  it("one that dies in the middle loses nothing: another one sends it when the lease has ended", async () => {
    await end("a")
    deliver({ send: () => new Promise(() => undefined), waker: ONE_LOOK })
    await until(async () => (await eventOf("a"))?.state === "pending" && (await leases()) === 1, "it is in hand")
    deliverers = []
    deliver()
    await end("b")
    look()
    await untilTried("b", 1)
    expect(receiver.received.map(({ body }) => body.data.id)).toEqual(["cls_b"])
    clock.pass(DELIVERY_LEASE_MS)
    expect(await untilTried("a", 1)).toMatchObject({ state: "delivered" })
    expect(receiver.received).toHaveLength(2)
  })

  it("one that dies after sending and before saying so sends twice at most, under the same id", async () => {
    const neverRecords: Redis = {
      ...harness.redis,
      script: (text, keys, args) =>
        String(args[0]).startsWith("msg_") ? new Promise(() => undefined) : harness.redis.script(text, keys, args),
    }
    await end("a")
    deliver({ redis: neverRecords, waker: ONE_LOOK })
    await until(() => receiver.received.length === 1)
    deliverers = []
    deliver()
    clock.pass(DELIVERY_LEASE_MS)
    look()
    await untilTried("a", 1)
    expect(receiver.received.map(({ id }) => id)).toEqual([`msg_a_${T0}`, `msg_a_${T0}`])
    clock.pass(100 * HOUR_MS)
    look()
    await end("b")
    look()
    await untilTried("b", 1)
    expect(receiver.received).toHaveLength(3)
  })

  it("send once although every reply of Redis is lost once", async () => {
    harness.auditing = false
    const lostOnce = new Set<string>()
    const flaky: Redis = {
      ...harness.redis,
      async script(text, keys, args) {
        const reply = await harness.redis.script(text, keys, args)
        const isRecord = String(args[0]).startsWith("msg_")
        if (!isRecord || lostOnce.has(String(args[0]))) return reply
        lostOnce.add(String(args[0]))
        throw new AppError("redis_unavailable", "The reply was lost")
      },
    }
    deliver({ redis: flaky })
    for (let i = 0; i < 5; i++) await end(`j${i}`)
    look()
    for (let i = 0; i < 5; i++) {
      expect((await untilTried(`j${i}`, 1)).attempts).toHaveLength(1)
    }
    await until(async () => (await dumpStore(harness.client, harness.keys)).lines.size === 0, "all is recorded")
    expect(receiver.received).toHaveLength(5)
  })

  it("one that leaves waits a moment for what is in hand, and gives the rest back", async () => {
    let answer: () => void = () => undefined
    receiver.behave((response, n) => {
      if (n === 0) answer = () => response.writeHead(204).end()
    })
    const leaving = deliver({ shutdownMs: 3_000 })
    await end("a")
    await end("b")
    leaving.look()
    await until(() => receiver.received.length === 2)
    const left = leaving.leave()
    answer()
    await left
    const states = Object.fromEntries(
      await Promise.all(["a", "b"].map(async (id) => [id, (await eventOf(id))?.state] as const)),
    )
    expect(Object.values(states).sort()).toEqual(["delivered", "pending"])
    expect(await leases()).toBe(0)
    deliverers = []
    receiver.behave(answers(204))
    deliver()
    await until(() => receiver.received.length === 3, "the other one was sent at once")
  })

  it("go on when an attempt breaks for a reason of their own", async () => {
    let calls = 0
    const deliverer = deliver({
      send: async (taken) => {
        calls++
        throw new Error(`broken at ${taken.eventId}`)
      },
    })
    await end("a")
    look()
    expect(await untilTried("a", 1)).toMatchObject({ tries: 1, attempts: [{ error: { code: "internal" } }] })
    await untilDue("a")
    await untilTried("a", 2)
    expect(calls).toBe(2)
    expect(deliverer.logged()).toContain("webhook.broken")
    expect(JSON.stringify(await eventOf("a"))).not.toContain("broken at")
  })

  /** How many entries are in somebody's hand. */
  async function leases(): Promise<number> {
    const { lines } = await dumpStore(harness.client, harness.keys)
    return [...lines.values()].flat().filter(({ entry }) => entry.includes(":")).length
  }
})
