import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { BatchStore } from "../../../../src/lib/batches/batch-store.ts"
import { newApiKey } from "../../../../src/lib/callers/api-key.ts"
import { ApiKeyStore } from "../../../../src/lib/callers/api-key-store.ts"
import { StoredOutputs } from "../../../../src/lib/outputs/stored-outputs.ts"
import { Registry } from "../../../../src/lib/queue/registry.ts"
import { recordSchema } from "../../../../src/lib/queue/schema-version.ts"
import { sha256Hex } from "../../../../src/lib/sha256.ts"
import { Outbox } from "../../../../src/lib/webhooks/outbox.ts"
import { bearer, expectProblem, expectTicket } from "../../../contract/edge/client.ts"
import { FakeClassifier } from "../../../support/edge/edge-classifier.ts"
import { openInProcess } from "../../../support/edge/edge-in-process.ts"
import { edgeEnv, type RunningEdge } from "../../../support/edge/edge-runtime.ts"
import { segment, uniqueJpeg } from "../../../support/images/edge-images.ts"
import { createBatch, planOf, urlOf } from "../../../support/store/batch-harness.ts"
import { claimOf, jobOf, LEASE_MS, submit, success, T0 } from "../../../support/store/store-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../../../support/store/store-limits.ts"
import { useStore } from "../../../support/store/use-store.ts"

const harness = useStore({ isAudited: false })
afterEach(() => allow(0))

/** How much Redis may hold; 1 is less than it ever does, so that it is full whatever is freed. */
const allow = (bytes: number) => harness.client.configSet("maxmemory", String(bytes))
const usedBytes = async () => Number(/used_memory:(\d+)/.exec(await harness.client.info("memory"))?.[1])

describe("a Redis that is full, whatever is freed", () => {
  it("refuses an upload with redis_full, and keeps nothing of it", async () => {
    const store = harness.store()
    await store.putPayload("a-bytes", new Uint8Array(3))
    await allow(1)
    await expect(store.putPayload("b-bytes", new Uint8Array(3))).rejects.toMatchObject({ code: "redis_full" })
    await expect(store.enqueue(jobOf("a", { contentKey: "c" }))).rejects.toMatchObject({ code: "redis_full" })
    expect(await harness.client.keys("*")).toEqual([])
  })

  it("lets jobs be claimed, renewed, given back, finished, canceled and expired, with their webhooks", async () => {
    const store = harness.store()
    const late = { deadlineMs: T0 + 1 }
    for (const id of ["done", "given-back", "canceled", "left"])
      await submit(store, jobOf(id, { webhookUrl: `https://example.com/${id}` }))
    for (const id of ["expired", "late"]) await submit(store, jobOf(id, { ...late, queue: id }))
    await allow(1)
    const heartbeat = JSON.stringify({ untilMs: T0 + 60_000, lanes: 1, queues: {} })
    const { jobs } = await store.claim(claimOf({ max: 3, heartbeat, token: "t" }))
    expect(jobs.map(({ id }) => id)).toEqual(["done", "given-back", "canceled"])
    expect(await store.renew([{ jobId: "done", token: "t" }], T0 + LEASE_MS)).toEqual([])
    const [done] = jobs
    expect(await store.finish({ jobId: "done", token: "t", ...(done && { job: done }) }, success(), T0)).toBe(true)
    expect(await store.retry({ jobId: "given-back", token: "t" }, "it died", { nowMs: T0, counts: true })).toBe(
      "queued",
    )
    for (const id of ["canceled", "left"]) expect(await store.cancel(id, T0)).toMatchObject({ status: "withdrawn" })
    expect(await store.expire("expired", T0 + 2)).toMatchObject({ status: "withdrawn" })
    await store.claim(claimOf({ queues: ["late"], nowMs: T0 + 2 }))
    expect(await store.read("late")).toMatchObject({ state: "failed" })
    // Nobody renewed it.
    const again = await store.claim(claimOf({ reclaims: true, nowMs: T0 + 2 * LEASE_MS }))
    expect(again.jobs).toMatchObject([{ id: "given-back", attempts: 2 }])
  })

  it("lets dead letters be made and dropped, and what waits be dropped", async () => {
    const store = harness.store()
    await submit(store, jobOf("dies", { maxAttempts: 1 }))
    await submit(store, jobOf("waits"))
    await allow(1)
    await store.claim(claimOf({ token: "t" }))
    await store.retry({ jobId: "dies", token: "t" }, "it died", { nowMs: T0, counts: true })
    expect(await harness.operator().countDead()).toBe(1)
    expect(await harness.operator().dropDead("dies")).toBe(true)
    expect(await harness.operator().dropWaiting("m", T0)).toBe(1)
  })

  it("lets webhooks be taken, put down and given back", async () => {
    const store = harness.store()
    for (const id of ["a", "b"]) await submit(store, jobOf(id, { webhookUrl: "https://example.com/" }))
    await allow(1)
    for (const id of ["a", "b"]) await store.cancel(id, T0)
    const outbox = new Outbox(harness.redis, harness.keys, DEFAULT_STORE_LIMITS)
    const { entries } = await outbox.take({
      ...{ nowMs: T0, leaseMs: 1_000, token: "t", max: 9, perReceiver: 9, capacity: {} },
    })
    expect(entries).toHaveLength(2)
    const attempt = { atMs: T0, durationMs: 1, status: 200 }
    for (const [i, taken] of entries.entries()) {
      if (i === 0) expect(await outbox.record(taken, { attempt, nowMs: T0, outcome: "delivered" })).toBe(true)
      else await outbox.release(taken, T0)
    }
  })

  it("lets a classifier arrive, and an operator pause", async () => {
    await allow(1)
    await recordSchema(harness.redis, harness.keys)
    const registry = new Registry(harness.redis, harness.keys)
    const model = { id: "m", version: "1", name: "M", inputWidth: 1, inputHeight: 1, labels: 1 }
    await registry.enroll([model], T0)
    expect((await registry.read()).models).toMatchObject([{ id: "m" }])
    await harness.operator().pause()
    await harness.operator().resume()
  })

  it("says outputs_full of an output that finds no room after some tries, and gives its share back", async () => {
    harness.auditing = false
    const limits = { maxBytes: 1_000, maxAllBytes: 10_000, ttlMs: 60_000 }
    const outputs = new StoredOutputs(harness.redis, harness.keys, limits)
    await allow(1)
    const output = { caller: "key:a", contentType: "image/png", sha256: "0", bytes: new Uint8Array(10) }
    const codes: string[] = []
    while (codes.at(-1) !== "outputs_full") {
      await outputs.put("a", output, { nowMs: T0 }).catch((error: { code: string }) => codes.push(error.code))
    }
    expect(codes.slice(0, -1).every((code) => code === "redis_full")).toBe(true)
    expect(Object.values(await harness.client.hGetAll(harness.keys.outputBytes))).toEqual(["0"])
  })

  it("lets a batch wait, and end", async () => {
    const store = new BatchStore(harness.redis, harness.keys, DEFAULT_STORE_LIMITS)
    await createBatch(store, planOf("b"))
    await allow(1)
    const { leased } = await store.lease({ nowMs: T0, token: "t", max: 1 })
    const [one] = leased
    if (one === undefined) throw new Error("The batch is not leased")
    const pictures = [{ picture: 0, row: 1, url: urlOf(0) }]
    expect(await store.enqueueNext(one, { cursor: 0, pictures, nowMs: T0 })).toMatchObject({
      status: "wait",
      cursor: 0,
    })
    expect(await store.end("b", "canceled", T0)).toMatchObject({ status: "ended", inFlight: 0 })
  })
})

describe("an edge whose Redis fills up", () => {
  let edge: RunningEdge
  let classifier: FakeClassifier
  const LARGE = 200_000
  const upload = () =>
    edge.request("/v1/classifications?webhook_url=https://example.com/", {
      method: "POST",
      body: uniqueJpeg({ before: Array.from({ length: 4 }, () => segment(0xfe, new Array(LARGE / 4).fill(0))) }),
    })
  beforeEach(async () => {
    edge = openInProcess(await edgeEnv(harness.gateway))
    classifier = new FakeClassifier(harness.gateway)
    await classifier.arrive()
  })
  afterEach(() => edge.close())

  it("answers 503 redis_full, works off what it has accepted, and takes uploads again", async () => {
    await allow((await usedBytes()) + 10 * LARGE)
    const accepted: string[] = []
    let refused: Response
    for (;;) {
      const response = await upload()
      if (response.status !== 202) {
        refused = response
        break
      }
      accepted.push(((await response.json()) as { id: string }).id)
    }
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0)
    await expectProblem(refused, 503, "redis_full")
    expect(accepted.length).toBeGreaterThan(2)

    expect(await classifier.work()).toHaveLength(accepted.length)
    for (const id of accepted) {
      const ticket = await expectTicket(await edge.request(`/v1/classifications/${id}`), 200)
      expect(ticket.status).toBe("succeeded")
    }
    await expectTicket(await upload(), 202)
  })

  it("knows its keys while Redis is full", async () => {
    const key = await newApiKey()
    const sha256 = await sha256Hex(new TextEncoder().encode(key))
    await new ApiKeyStore(classifier.redis, classifier.keys).create({ name: "team", weight: 1, createdMs: T0 }, sha256)
    await allow(1)
    expect((await edge.request("/v1/queue", { headers: bearer(key) })).status).toBe(200)
  })
})
