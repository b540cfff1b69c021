import fc from "fast-check"
import { beforeEach, describe, expect, it } from "vitest"
import { BatchEnqueuer } from "../../../../src/classifier/batches/batch-enqueuer.ts"
import { Reachability } from "../../../../src/classifier/loops/until-reached.ts"
import { createApp } from "../../../../src/edge/app.ts"
import { readPictureResult } from "../../../../src/edge/batches/results/picture-result.ts"
import { createServices } from "../../../../src/edge/services.ts"
import type { BatchPlan } from "../../../../src/lib/batches/batch.ts"
import { BatchStore } from "../../../../src/lib/batches/batch-store.ts"
import { batchETag, toBatchTicket } from "../../../../src/lib/batches/batch-ticket.ts"
import { encodeChunk } from "../../../../src/lib/batches/list-chunk.ts"
import { silentLog } from "../../../../src/lib/log.ts"
import { newJobId } from "../../../../src/lib/queue/job-id.ts"
import { locationOf } from "../../../../src/lib/queue/job-source.ts"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"
import { createKeys } from "../../../../src/lib/redis/keys.ts"
import { createSealer } from "../../../../src/lib/redis/sealed-bytes.ts"
import { decodeDelivery, webhookEventOf } from "../../../../src/lib/webhooks/delivery.ts"
import { Outbox } from "../../../../src/lib/webhooks/outbox.ts"
import { createBatch, feedNext, lendOne, planOf, QUEUE, urlOf } from "../../../support/store/batch-harness.ts"
import { claimOf, failure, idsOf, jobOf, LEASE_MS, submit, success, T0 } from "../../../support/store/store-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../../../support/store/store-limits.ts"
import { useStore } from "../../../support/store/use-store.ts"

const harness = useStore()
let store: JobStore
let batches: BatchStore

beforeEach(async () => {
  store = harness.store()
  batches = new BatchStore(harness.redis, harness.keys, DEFAULT_STORE_LIMITS)
})

const DAY_MS = 86_400_000
/** As planOf() has them. */
const PICTURES = 6

const claimRows = (max: number, nowMs = T0) => store.claim(claimOf({ queues: [QUEUE], max, nowMs, reclaims: true }))
const progressOf = async (id: string) => (await batches.read(id))?.progress
const finishAll = async (nowMs = T0, outcome = success()) => {
  const { jobs } = await claimRows(16, nowMs)
  for (const job of jobs) await store.finish({ jobId: job.id, token: job.leaseToken, job }, outcome, nowMs)
  return jobs.length
}
const deadlineOf = async (id: string) => Number(await harness.client.hGet(harness.keys.batch(id), "deadlineMs"))

/** Each picture that was begun is in flight or counted, never both; those that will never begin are counted. */
async function expectCounted(id: string, step: string) {
  const progress = await progressOf(id)
  if (progress === undefined) throw new Error("There is no batch")
  const { succeeded, failed, canceled, cursor, ended } = progress
  const flight = await harness.client.zCard(harness.keys.batchFlight(id))
  expect(flight + succeeded + failed + canceled, step).toBe(ended === undefined ? cursor : PICTURES)
}

/** Feeds and works until the batch is done, as a feeder and a worker do it. */
async function workOff(id: string, fromMs: number) {
  for (let round = 1; round <= 30; round++) {
    const nowMs = fromMs + round * (LEASE_MS + 1)
    const leased = await lendOne(batches, nowMs)
    const { ended } = leased?.batch.progress ?? {}
    if (leased !== undefined && (ended !== undefined || nowMs >= leased.deadlineMs)) {
      await batches.end(id, ended ?? "expired", nowMs)
    } else if (leased !== undefined) await feedNext(batches, leased, nowMs)
    await finishAll(nowMs)
    await expectCounted(id, `round ${round}`)
    if ((await progressOf(id))?.finishedMs !== undefined) return
  }
}

/** Lets a picture run out of attempts: a dead letter. */
async function killOne(nowMs = T0) {
  const { jobs } = await store.claim(claimOf({ queues: [QUEUE], nowMs }))
  const [job] = jobs
  if (job === undefined) throw new Error("Nothing to claim")
  await store.retry({ jobId: job.id, token: job.leaseToken }, "it broke", { nowMs, counts: true })
  return job.id
}

describe("BatchStore", () => {
  it("create() keeps the list, and the same again is the first batch", async () => {
    const first = await createBatch(batches, planOf("b", { rows: 6 }))
    expect(first.status).toBe("created")
    const again = await batches.create(planOf("b", { listId: "another", fingerprint: "other" }))
    expect(again).toEqual({ status: "exists", batch: first.batch })
    expect(await harness.client.pTTL(harness.keys.listChunk("list-of-b", 0))).toBeGreaterThan(600_000)
  })

  it("create() refuses a batch whose list is gone", async () => {
    await expect(batches.create(planOf("b"))).rejects.toMatchObject({ code: "list_expired" })
    expect(await batches.read("b")).toBeNull()
  })

  it("enqueueNext() puts no more into the queue than the batch's size, with each picture's URL and row", async () => {
    await createBatch(batches, planOf("b"))
    const leased = await lendOne(batches)
    if (leased === undefined) throw new Error("Nothing is due")
    expect(await feedNext(batches, leased)).toMatchObject({ status: "full", cursor: 3 })
    const { jobs } = await claimRows(10)
    expect(jobs.map(({ id, input, batch }) => [id, locationOf(input.source), batch?.row])).toEqual(
      [0, 1, 2].map((picture) => [`b-${picture}`, urlOf(picture), picture + 1]),
    )
  })

  it("open() and moveTo(): what is not enqueued yet is for the other model", async () => {
    await createBatch(
      batches,
      planOf("b", { operation: { name: "classify", topK: 5 }, model: "old", queue: "old@url" }),
    )
    await createBatch(batches, planOf("c"))
    const old = (await batches.open()).filter(({ plan }) => plan.queue === "old@url")
    expect(old.map(({ plan }) => plan.id)).toEqual(["b"])
    for (const batch of old) await batches.moveTo(batch, { model: "m", queue: "m@url" })
    const { leased } = await batches.lease({ nowMs: T0, token: "f", max: 2 })
    for (const one of leased) await feedNext(batches, one)
    const { jobs } = await store.claim(claimOf({ queues: ["m@url"], max: 10 }))
    expect(jobs.map(({ id, model }) => [id, model])).toEqual([0, 1, 2].map((picture) => [`b-${picture}`, "m"]))
  })

  it("enqueueNext() whose reply was lost enqueues nothing twice", async () => {
    await createBatch(batches, planOf("b"))
    const leased = await lendOne(batches)
    if (leased === undefined) throw new Error("Nothing is due")
    await feedNext(batches, leased, T0, 2)
    expect(await feedNext(batches, leased, T0, 2)).toMatchObject({ status: "more", cursor: 2 })
    expect(await harness.client.zCard(harness.keys.queue(QUEUE))).toBe(2)
  })

  it("a batch whose id was used before ends, whatever its pictures' jobs of then have come to", async () => {
    await createBatch(batches, planOf("b", { size: 6, maxAttempts: 1 }))
    const before = await lendOne(batches)
    if (before === undefined) throw new Error("Nothing is due")
    await feedNext(batches, before)
    const dead = await killOne()
    const { jobs } = await claimRows(2)
    for (const job of jobs) await store.finish({ jobId: job.id, token: job.leaseToken, job }, success(), T0)
    // A batch is forgotten before its dead letters are.
    await harness.client.del([harness.keys.batch("b"), harness.keys.batchFlight("b"), harness.keys.batches])

    await createBatch(batches, planOf("b", { size: 6, maxAttempts: 1 }))
    const leased = await lendOne(batches)
    if (leased === undefined) throw new Error("Nothing is due")
    await feedNext(batches, leased)
    await expectCounted("b", "fed again")
    await workOff("b", T0)
    expect(await progressOf("b")).toMatchObject({ succeeded: 5, failed: 1, finishedMs: expect.any(Number) })
    expect((await progressOf("b"))?.failures).toMatchObject([{ url: urlOf(Number(dead.split("-")[1])) }])
    expect(await harness.client.zCard(harness.keys.batches)).toBe(0)
    const depths = await harness.client.hmGet(harness.keys.counters, ["n", `n:${QUEUE}`, "d:key:a"])
    expect(depths.map((depth) => Number(depth ?? 0))).toEqual([0, 0, 0])
  })

  const listOf = (caller: string, listBytes: number, plan: Partial<BatchPlan> = {}) =>
    planOf(`b${++lists}`, { caller, listBytes, keepUntilMs: T0 + 2 * DAY_MS, ...plan })
  let lists = 0

  it("bytes that lie long are counted for as long, whatever is reserved after them", async () => {
    const limited = new BatchStore(harness.redis, harness.keys, { ...DEFAULT_STORE_LIMITS, maxBytes: 100 })
    for (const bytes of [44, 46]) await createBatch(limited, listOf(`key:${bytes}`, bytes))
    await createBatch(limited, listOf("key:5", 5, { keepUntilMs: T0 + 1_000 }))
    expect(await harness.client.pTTL(harness.keys.listBytes)).toBeGreaterThan(2 * DAY_MS)
    const later = { createdMs: T0 + DAY_MS }
    await expect(createBatch(limited, listOf("key:11", 11, later))).rejects.toMatchObject({ code: "queue_full" })
    await createBatch(limited, listOf("key:10", 10, later))
  })

  it("one caller's lists are half of all at most; what is refused or sent again counts nothing", async () => {
    const limited = new BatchStore(harness.redis, harness.keys, { ...DEFAULT_STORE_LIMITS, maxBytes: 100 })
    const plan = listOf("key:a", 26)
    await createBatch(limited, plan)
    await expect(createBatch(limited, listOf("key:a", 26))).rejects.toMatchObject({
      code: "caller_bytes_full",
      status: 429,
    })
    expect(await limited.create(plan)).toMatchObject({ status: "exists" })
    await expect(limited.create(listOf("key:b", 40))).rejects.toMatchObject({ code: "list_expired" })
    await createBatch(limited, listOf("key:b", 50))
    await createBatch(limited, listOf("key:a", 24))
    await expect(createBatch(limited, listOf("key:c", 1))).rejects.toMatchObject({ code: "queue_full" })
  })

  it("canceled before anything was done, a batch gives its list's bytes back; else its list lives as long as a result", async () => {
    const counted = async () => (await harness.client.hVals(harness.keys.listBytesOf("key:a"))).map(Number)
    for (const id of ["none", "some"]) {
      const plan = planOf(id, { listBytes: 40, deadlineMs: T0 + 6 * DAY_MS, keepUntilMs: T0 + 7 * DAY_MS })
      await createBatch(batches, plan)
      const leased = await lendOne(batches)
      if (leased === undefined) throw new Error("Nothing is due")
      if (id === "some") await feedNext(batches, leased)
      if (id === "some") await finishAll()
    }
    expect(await counted()).toEqual([80])
    for (let again = 0; again < 2; again++) await batches.end("none", "canceled", T0 + 1)
    expect(await counted()).toEqual([40])
    expect(await harness.client.exists(harness.keys.listChunk("list-of-none", 0))).toBe(0)
    for (let again = 0; again < 2; again++) await batches.end("some", "canceled", T0 + 1)
    const inADay = String(Math.floor((T0 + 1 + DAY_MS) / 3_600_000))
    expect(await harness.client.hGet(harness.keys.listBytesOf("key:a"), inADay)).toBe("40")
    expect((await counted()).sort()).toEqual([0, 40])
    expect(await harness.client.pTTL(harness.keys.listChunk("list-of-some", 0))).toBeLessThanOrEqual(DAY_MS)
  })

  it("enqueueNext() leaves half of what may wait to single jobs: of its caller, and of all", async () => {
    const limits = { maxDepth: 40, maxDepthPerCaller: 10 }
    const limited = new BatchStore(harness.redis, harness.keys, { ...DEFAULT_STORE_LIMITS, ...limits })
    for (let i = 0; i < 6; i++) {
      await createBatch(limited, planOf(`b${i}`, { caller: `key:${i}`, size: 20, pictures: 20 }))
      const leased = await lendOne(limited)
      if (leased === undefined) throw new Error("Nothing is due")
      expect(await feedNext(limited, leased, T0, 20)).toMatchObject({ status: "wait", cursor: i < 4 ? 5 : 0 })
    }
    const single = harness.store(limits)
    for (let i = 0; i < 5; i++) await submit(single, jobOf(`a${i}`, { caller: "key:0" }))
    for (let i = 0; i < 10; i++) await submit(single, jobOf(`b${i}`, { caller: "key:9" }))
  })

  it("lends a batch to one feeder; when that one dies, to the next, and then the first can do nothing", async () => {
    await createBatch(batches, planOf("b"))
    const dead = await lendOne(batches)
    expect(await lendOne(batches)).toBeUndefined()
    const next = await lendOne(batches, T0 + 20_000)
    if (dead === undefined || next === undefined) throw new Error("Nothing is due")
    expect(await feedNext(batches, dead, T0 + 20_000)).toMatchObject({ status: "lost" })
    expect(await feedNext(batches, next, T0 + 20_000)).toMatchObject({ status: "full", cursor: 3 })
  })

  it("lease() whose reply was lost lends the same batches again under its token, and none of another's", async () => {
    for (const id of ["b", "c"]) await createBatch(batches, planOf(id))
    const asked = { nowMs: T0, token: "t", max: 1 }
    const [first] = (await batches.lease(asked)).leased
    await lendOne(batches)
    const { leased } = await batches.lease({ ...asked, nowMs: T0 + 900, again: true })
    expect(leased).toEqual([first])
    expect((await batches.lease({ ...asked, token: "another", again: true })).leased).toEqual([])
  })

  it("comes due again when half of what was in flight is done, and is done when all is", async () => {
    await createBatch(batches, planOf("b", { size: 2, pictures: 4 }))
    for (let round = 0; round < 2; round++) {
      const leased = await lendOne(batches)
      if (leased === undefined) throw new Error("Nothing is due")
      await feedNext(batches, leased)
      expect(await finishAll()).toBe(2)
    }
    const batch = await batches.read("b")
    expect(batch?.progress).toMatchObject({ cursor: 4, succeeded: 4, finishedMs: T0 })
    expect(batch && toBatchTicket(batch, T0)).toMatchObject({ status: "succeeded", done: true })
  })

  it("the queue's limits hold for batches: what does not fit waits", async () => {
    const small = { ...DEFAULT_STORE_LIMITS, maxDepthPerCaller: 1 }
    const tight = new BatchStore(harness.redis, harness.keys, small)
    await createBatch(tight, planOf("b"))
    const leased = await lendOne(tight)
    if (leased === undefined) throw new Error("Nothing is due")
    expect(await feedNext(tight, leased)).toMatchObject({ status: "wait", cursor: 1, dueMs: T0 + 1_000 })
    expect(await lendOne(tight, T0 + 999)).toBeUndefined()
    expect(await lendOne(tight, T0 + 1_000)).toBeDefined()
  })

  it("keeps a row's result as long as the batch, whichever way it ended", async () => {
    await createBatch(batches, planOf("b"))
    const leased = await lendOne(batches)
    if (leased === undefined) throw new Error("Nothing is due")
    await feedNext(batches, leased)
    const { jobs } = await claimRows(2)
    const [first, second] = jobs
    if (first === undefined || second === undefined) throw new Error("Nothing to claim")
    await store.finish({ jobId: first.id, token: first.leaseToken, job: first }, success(), T0)
    await store.finish({ jobId: second.id, token: second.leaseToken }, failure(), T0)
    await store.cancel("b-2", T0)
    const ttls = await Promise.all([0, 1, 2].map((picture) => harness.client.pTTL(harness.keys.job(`b-${picture}`))))
    for (const ttlMs of ttls) expect(ttlMs).toBeGreaterThan(2 * 86_400_000 - 60_000)
    expect(await progressOf("b")).toMatchObject({ succeeded: 1, failed: 1, canceled: 1 })
    expect((await progressOf("b"))?.failures).toEqual([
      { row: 2, url: urlOf(1), error: { code: "invalid_image", message: "It is damaged" } },
    ])
  })

  it("end() stops what waits and what is worked on, and what was not fed never begins", async () => {
    await createBatch(batches, planOf("b", { webhookUrl: "https://receiver.example/hook" }))
    const leased = await lendOne(batches)
    if (leased === undefined) throw new Error("Nothing is due")
    await feedNext(batches, leased)
    const { jobs } = await claimRows(1)
    const ended = await batches.end("b", "canceled", T0 + 5)
    expect(ended).toMatchObject({ status: "ended", inFlight: 0 })
    const [working] = jobs
    if (working === undefined) throw new Error("Nothing to claim")
    expect(await store.finish({ jobId: working.id, token: working.leaseToken, job: working }, success(), T0 + 6)).toBe(
      false,
    )
    expect(await progressOf("b")).toMatchObject({ canceled: 6, cursor: 3, finishedMs: T0 + 5, ended: "canceled" })
    const canceled = await batches.read("b")
    // Nothing was worked on in those five milliseconds.
    expect(canceled && toBatchTicket(canceled, T0 + 9).per_second).toBe(0)
    expect(await batches.end("b", "canceled", T0 + 9)).toMatchObject({ status: "ended" })
    expect(await feedNext(batches, leased)).toMatchObject({ status: "ended" })
    const events = (await new Outbox(harness.redis, harness.keys, DEFAULT_STORE_LIMITS).read("b"))?.events
    expect(events).toMatchObject([{ id: `msg_b_${T0 + 5}`, kind: "end" }])
  })

  it.each(["expired", "canceled"] as const)(
    "a lost count does not keep a batch open: it is %s all the same",
    async (how) => {
      await createBatch(batches, planOf("b", { webhookUrl: "https://receiver.example/" }))
      await feedNext(batches, (await lendOne(batches)) as never)
      harness.auditing = false
      await harness.client.zRem(harness.keys.batchFlight("b"), "b-0")
      await finishAll()
      const { inFlight } = await batches.end("b", how, T0 + DAY_MS)
      expect(inFlight).toBe(0)
      const [failed, canceled] = how === "expired" ? [4, 0] : [1, 3]
      expect(await progressOf("b")).toMatchObject({ succeeded: 2, failed, canceled, finishedMs: T0 + DAY_MS })
      expect((await harness.dump()).deliveries.get("b")?.events).toHaveLength(1)
      expect(await lendOne(batches, T0 + 2 * DAY_MS)).toBeUndefined()
      await harness.client.flushAll()
    },
  )

  it("tells every so many, and at the end", async () => {
    await createBatch(
      batches,
      planOf("b", { webhookUrl: "https://receiver.example/", webhookEvery: 2, size: 5, pictures: 5 }),
    )
    const leased = await lendOne(batches)
    if (leased === undefined) throw new Error("Nothing is due")
    await feedNext(batches, leased)
    await finishAll()
    const events = (await new Outbox(harness.redis, harness.keys, DEFAULT_STORE_LIMITS).read("b"))?.events
    expect(events?.map(({ kind }) => kind)).toEqual(["progress", "progress", "end"])
  })

  it("what it tells are counts: a record does not grow with the list's header, nor progress with what failed", async () => {
    const columns = Array.from({ length: 100 }, (_none, i) => `name ${i} ${"x".repeat(1_240)}`)
    const webhook = { webhookUrl: "https://receiver.example/", webhookEvery: 1 }
    const plan = planOf("b", { ...webhook, columns, size: 20, pictures: 20, model: "m" })
    const { batch } = await createBatch(batches, plan)
    await batches.moveTo(batch, { model: "other", queue: QUEUE })
    const leased = await lendOne(batches)
    if (leased === undefined) throw new Error("Nothing is due")
    await feedNext(batches, leased)
    await finishAll(T0, failure())
    await finishAll()
    const text = (await harness.client.get(harness.keys.delivery("b"))) ?? ""
    expect(text).not.toContain("name 7 ")
    expect(text.length).toBeLessThan(20 * 1_500)
    const { events } = decodeDelivery(text)
    expect(events.map((event) => webhookEventOf(event).type)).toEqual([
      ...Array.from({ length: 19 }, () => "batch.progress"),
      "batch.succeeded",
    ])
    const [first, last] = [events[0], events[19]].map((event) => event && webhookEventOf(event).data)
    expect(first).toMatchObject({ pictures: { total: 20, done: 1, failed: 1 }, failures: [] })
    const stored = await batches.read("b")
    expect(last).toEqual(stored && toBatchTicket(stored, T0))
    expect(last).toMatchObject({ model: { id: "other" }, failures: { length: 10 } })
  })

  it("rows come after single jobs of their caller, and do not starve", async () => {
    await createBatch(batches, planOf("b", { size: 6 }))
    const leased = await lendOne(batches)
    if (leased === undefined) throw new Error("Nothing is due")
    await feedNext(batches, leased)
    const single = { ...planOf("x"), id: "single" }
    for (let i = 0; i < 4; i++) {
      await store.enqueue({
        id: `${single.id}-${i}`,
        queue: QUEUE,
        caller: "key:a",
        weight: 1,
        createdMs: T0,
        deadlineMs: T0 + 1_000_000,
        maxAttempts: 3,
        input: {
          ticketId: "cls_x",
          operation: { name: "inspect" },
          source: { kind: "url", url: urlOf(99) },
          fingerprint: "",
        },
      })
    }
    const order = idsOf(await claimRows(10)).map((id) => id.split("-")[0])
    expect(order.slice(0, 6).filter((kind) => kind === "single")).toHaveLength(4)
    expect(order.slice(0, 6).filter((kind) => kind === "b")).toHaveLength(2)
  })

  it("an ETag changes with what is done, and not with the time", async () => {
    await createBatch(batches, planOf("b", { size: 2, pictures: 2 }))
    const before = await batches.read("b")
    if (before === null) throw new Error("There is no batch")
    expect(batchETag(toBatchTicket(before, T0))).toBe(batchETag(toBatchTicket(before, T0 + 60_000)))
    const leased = await lendOne(batches)
    if (leased === undefined) throw new Error("Nothing is due")
    await feedNext(batches, leased)
    await finishAll()
    const after = await batches.read("b")
    if (after === null) throw new Error("There is no batch")
    expect(batchETag(toBatchTicket(after, T0))).not.toBe(batchETag(toBatchTicket(before, T0)))
  })

  it("a row may wait as long as its batch: it is claimed in the batch's last moment, and fails after it", async () => {
    const plan = planOf("b", { deadlineMs: T0 + 10_000_000 })
    await createBatch(batches, plan)
    const leased = await lendOne(batches)
    if (leased === undefined) throw new Error("Nothing is due")
    await feedNext(batches, leased)
    expect(idsOf(await claimRows(1, plan.deadlineMs))).toEqual(["b-0"])
    expect(await claimRows(9, plan.deadlineMs + 1)).toMatchObject({
      jobs: [],
      reclaimed: [{ id: "b-1" }, { id: "b-2" }],
    })
  })

  it("a row that is fed after a dead letter opened its batch for longer waits as long as that", async () => {
    const plan = planOf("b", { maxAttempts: 1 })
    await createBatch(batches, plan)
    const first = await lendOne(batches)
    if (first === undefined) throw new Error("Nothing is due")
    await feedNext(batches, first, T0, 1)
    const deadlineMs = plan.deadlineMs + 1_000
    expect(await harness.operator().retryDead(await killOne(), { nowMs: T0 + 1, deadlineMs })).toBe("queued")
    const second = await lendOne(batches, T0 + 20_000)
    if (second === undefined) throw new Error("Nothing is due")
    await feedNext(batches, second, T0 + 20_000)
    expect((await store.read("b-1"))?.deadlineMs).toBe(deadlineMs)
  })

  it("a dead letter that is tried again leaves its batch's deadline and feeding as they are", async () => {
    await createBatch(batches, planOf("b", { maxAttempts: 1 }))
    const first = await lendOne(batches)
    if (first === undefined) throw new Error("Nothing is due")
    await feedNext(batches, first)
    const dead = await killOne()
    const second = await lendOne(batches, T0 + 20_000)
    if (second === undefined) throw new Error("Nothing is due")
    expect(await feedNext(batches, second, T0 + 20_000)).toMatchObject({ status: "full", cursor: 4 })
    const deadlineMs = await deadlineOf("b")
    const nowMs = T0 + 20_001
    expect(await harness.operator().retryDead(dead, { nowMs, deadlineMs: nowMs + 3_600_000 })).toBe("queued")
    expect(await deadlineOf("b")).toBe(deadlineMs)
    const third = await lendOne(batches, nowMs)
    if (third === undefined) throw new Error("Nothing is due")
    // Four are in flight where three may be: that is no room, not "more" for ever.
    expect(await feedNext(batches, third, nowMs)).toMatchObject({ status: "full", cursor: 4 })
    await workOff("b", nowMs)
    expect(await progressOf("b")).toMatchObject({ cursor: 6, succeeded: 6, failed: 0 })
  })

  it("a dead letter of a batch that was done opens it until the later deadline", async () => {
    await createBatch(batches, planOf("b", { maxAttempts: 1, pictures: 1 }))
    const leased = await lendOne(batches)
    if (leased === undefined) throw new Error("Nothing is due")
    await feedNext(batches, leased)
    const dead = await killOne()
    expect(await progressOf("b")).toMatchObject({ failed: 1, finishedMs: T0 })
    const later = (await deadlineOf("b")) + 5
    expect(await harness.operator().retryDead(dead, { nowMs: T0 + 1, deadlineMs: later })).toBe("queued")
    expect((await progressOf("b"))?.finishedMs).toBeUndefined()
    expect(await deadlineOf("b")).toBe(later)
    expect(await lendOne(batches, later - 1)).toBeUndefined()
    expect(await lendOne(batches, later)).toBeDefined()
  })

  it("a wake-up that was lost is sent again when somebody reads the ticket of a batch that waits to begin", async () => {
    const env = { TICKET_SECRET: "0123456789abcdef", ALLOW_ANONYMOUS: "1", UPSTASH_REDIS_REST_URL: harness.gateway.url }
    const services = createServices(
      { ...env, UPSTASH_REDIS_REST_TOKEN: harness.gateway.token },
      { server: "test", write: () => undefined },
    )
    const app = createApp(services, { clientAddress: () => "203.0.113.7", ownHosts: [] })
    const ears = harness.client.duplicate()
    await ears.connect()
    const heard: string[] = []
    await ears.subscribe(createKeys().wakeChannel, (message) => heard.push(message))
    const id = newJobId(T0)
    const ticketId = await services.batchTicketIds.sign(id)
    await createBatch(services.batches, planOf(id, { ticketId, caller: "ip:203.0.113.7", keepUntilMs: Date.now() * 2 }))
    await expect.poll(() => heard).toEqual(["batches"])
    for (let i = 0; i < 3; i++) expect((await app.request(`/v1/batches/${ticketId}`)).status).toBe(200)
    await expect.poll(() => heard).toEqual(["batches", "batches"])
    ears.destroy()
    await harness.client.flushAll()
  })

  it("lease() says to look again at once when all it looked at were gone: others may be due behind them", async () => {
    for (const id of ["a", "b", "c"]) await createBatch(batches, planOf(id))
    await harness.client.unlink([harness.keys.batch("a"), harness.keys.batch("b")])
    expect(await batches.lease({ nowMs: T0, token: "t", max: 1 })).toMatchObject({ leased: [], nextDueMs: T0 })
    expect((await lendOne(batches))?.batch.plan.id).toBe("c")
  })

  it("counts each picture once whatever happens, in whichever order, however often a call is repeated", {
    timeout: 180_000,
  }, async () => {
    const steps = [
      "feed",
      "feed-twice",
      "claim",
      "finish",
      "finish-twice",
      "fail",
      "retry",
      "lapse",
      "cancel-one",
      "revive",
      "late",
      "end",
    ] as const
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...steps), { minLength: 10, maxLength: 40 }),
        fc.nat(1_000),
        async (script, seed) => {
          await harness.reset()
          let nowMs = T0
          await createBatch(
            batches,
            planOf("b", {
              size: 1 + (seed % 4),
              webhookUrl: "https://receiver.example/",
              deadlineMs: T0 + 5_000_000,
            }),
          )
          let deadlineMs = await deadlineOf("b")
          const hand: { jobId: string; token: string }[] = []
          for (const step of script) {
            nowMs += 10
            const held = hand[seed % Math.max(1, hand.length)]
            switch (step) {
              case "feed":
              case "feed-twice": {
                const leased = await lendOne(batches, nowMs)
                for (let i = 0; leased !== undefined && i < (step === "feed" ? 1 : 2); i++)
                  await feedNext(batches, leased, nowMs)
                break
              }
              case "claim": {
                const { jobs } = await claimRows(2, nowMs)
                hand.push(...jobs.map((job) => ({ jobId: job.id, token: job.leaseToken })))
                break
              }
              case "finish":
              case "finish-twice":
              case "fail":
                if (held === undefined) break
                for (let i = 0; i < (step === "finish-twice" ? 2 : 1); i++) {
                  await store.finish(held, step === "fail" ? failure() : success(), nowMs)
                }
                break
              case "retry":
                if (held !== undefined) await store.retry(held, "it broke", { nowMs, counts: true })
                break
              case "lapse":
                nowMs += LEASE_MS + 1
                await claimRows(1, nowMs)
                break
              case "late":
                nowMs += 3_700_000
                await claimRows(2, nowMs)
                break
              case "cancel-one":
                await store.cancel(`b-${seed % 6}`, nowMs)
                break
              case "revive": {
                const [dead] = await harness.operator().listDead()
                if (dead !== undefined)
                  await harness.operator().retryDead(dead.id, { nowMs, deadlineMs: nowMs + 3_600_000 })
                break
              }
              case "end":
                if (seed % 7 === 0) await batches.end("b", seed % 2 ? "canceled" : "expired", nowMs)
                break
              default:
                step satisfies never
            }
            await expectCounted("b", step)
            const before = deadlineMs
            deadlineMs = await deadlineOf("b")
            expect(deadlineMs, step).toBeGreaterThanOrEqual(before)
          }
          await workOff("b", nowMs)
          const { succeeded = 0, failed = 0, canceled = 0, finishedMs } = (await progressOf("b")) ?? {}
          expect(succeeded + failed + canceled).toBe(PICTURES)
          expect(finishedMs).toBeDefined()
        },
      ),
      { numRuns: 25, seed: 7 },
    )
  })
})

describe("a list, with a PAYLOAD_SECRET", () => {
  const sealer = createSealer(["a secret of thirty-two characters"])
  const sealing = () => new BatchStore(harness.redis, harness.keys, DEFAULT_STORE_LIMITS, sealer)
  const URL_TOLD = "https://a.example/secret.jpg"
  const chunk = new TextEncoder().encode(encodeChunk([], [URL_TOLD]))

  it("cannot be read in Redis, and is what was stored", async () => {
    await sealing().putChunk("l", 0, chunk)
    expect(String(await harness.client.get(harness.keys.listChunk("l", 0)))).not.toContain("secret.jpg")
    expect((await sealing().getChunk("l", 0)).urls).toEqual([URL_TOLD])
    await expect(batches.getChunk("l", 0)).rejects.toMatchObject({ code: "payload_unreadable" })
  })

  it("is not read when it was written there unsealed, or is a piece of another place", async () => {
    await batches.putChunk("l", 0, chunk)
    await expect(sealing().getChunk("l", 0)).rejects.toMatchObject({ code: "payload_unreadable" })
    await harness.redis.setBytes(harness.keys.listChunk("l", 1), await sealer.seal(chunk, "list:l:0"), 60_000)
    await expect(sealing().getChunk("l", 1)).rejects.toMatchObject({ code: "payload_unreadable" })
  })

  it("that was swapped fails its batch with that code on its ticket, on its webhook and on each row that is left", async () => {
    const sealed = sealing()
    await createBatch(sealed, planOf("b", { webhookUrl: "https://hooks.example/" }))
    const foreign = encodeChunk([], Array(PICTURES).fill("https://evil.example/"))
    await harness.client.sendCommand(["SET", harness.keys.listChunk("list-of-b", 0), foreign, "KEEPTTL"])
    const stop = new AbortController()
    const reachability = new Reachability(silentLog)
    const enqueuer = new BatchEnqueuer({
      store: sealed,
      now: () => T0,
      isListening: () => true,
      reachability,
      log: silentLog,
    })
    const fed = enqueuer.run(stop.signal)
    await expect.poll(async () => (await progressOf("b"))?.finishedMs).toBeDefined()
    stop.abort()
    await fed
    const batch = await sealed.read("b")
    if (batch === null) throw new Error("There is no batch")
    const unreadable = expect.objectContaining({ code: "payload_unreadable" })
    expect(toBatchTicket(batch, T0)).toMatchObject({ status: "failed", done: true, error: unreadable })
    expect(readPictureResult(batch, 3, null)).toEqual({ status: "failed", error: unreadable })
    const [event] = decodeDelivery((await harness.client.get(harness.keys.delivery("b"))) ?? "").events
    expect(event && webhookEventOf(event).data).toMatchObject({ error: unreadable })
  })
})
