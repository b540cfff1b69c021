import { beforeEach, describe, expect, it } from "vitest"
import type { Services } from "../../../../src/edge/services.ts"
import { readJob } from "../../../../src/edge/tickets/watch-ticket.ts"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"
import { Operator } from "../../../../src/lib/queue/operator.ts"
import { readQueueStats } from "../../../../src/lib/queue/queue-stats.ts"
import { Registry } from "../../../../src/lib/queue/registry.ts"
import { readOtherSchema, recordSchema } from "../../../../src/lib/queue/schema-version.ts"
import {
  claimOf,
  DEADLINE_MS,
  failure,
  idsOf,
  jobOf,
  LEASE_MS,
  submit,
  success,
  T0,
} from "../../../support/store/store-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../../../support/store/store-limits.ts"
import { useStore } from "../../../support/store/use-store.ts"

const harness = useStore()
let store: JobStore
let operator: Operator

beforeEach(async () => {
  store = harness.store()
  operator = harness.operator()
})

const { dump } = harness
const NOW = T0 + 1_000_000
const revival = { nowMs: NOW, deadlineMs: NOW + DEADLINE_MS }

async function kill(id: string, nowMs = T0): Promise<void> {
  await submit(store, jobOf(id, { maxAttempts: 1, contentKey: `of-${id}` }))
  const claim = claimOf({ nowMs, isIdle: true })
  expect(idsOf(await store.claim(claim))).toEqual([id])
  expect(await store.retry({ jobId: id, token: claim.token }, "the lane died", { nowMs, counts: true })).toBe("dead")
}

describe("listDead()", () => {
  it("shows the latest first, with what became of each, page by page", async () => {
    for (const [i, id] of ["a", "b", "c"].entries()) await kill(id, T0 + i)
    expect(await operator.countDead()).toBe(3)
    expect(await operator.listDead({ count: 2 })).toMatchObject([
      { id: "c", diedMs: T0 + 2, job: { state: "failed", attempts: 1, error: { code: "attempts_exhausted" } } },
      { id: "b", diedMs: T0 + 1 },
    ])
    expect(await operator.listDead({ offset: 2, count: 2 })).toMatchObject([{ id: "a" }])
    expect(await operator.listDead({ offset: 3 })).toEqual([])
  })

  it("forgets those whose time is over when others die", async () => {
    operator = harness.operator({ deadTtlMs: 50_000 })
    store = harness.store({ deadTtlMs: 50_000 })
    await kill("a", T0)
    harness.auditing = false
    await kill("b", T0 + 60_000)
    expect((await operator.listDead()).map(({ id }) => id)).toEqual(["b"])
    // In a life of its own the record would have expired by itself.
    await harness.client.del([harness.keys.job("a"), harness.keys.payload("a-bytes")])
  })
})

describe("retryDead()", () => {
  it("sends a dead letter again with fresh attempts, at the end of its caller's line", async () => {
    await kill("a")
    await submit(store, jobOf("b"))
    expect(await operator.retryDead("a", revival)).toBe("queued")
    expect(await store.read("a")).toMatchObject({ state: "queued", attempts: 0, deadlineMs: NOW + DEADLINE_MS })
    expect(await store.read("a")).not.toHaveProperty("startedMs")
    expect(idsOf(await store.claim(claimOf({ nowMs: NOW, max: 2 })))).toEqual(["b"])
    expect(await store.claim(claimOf({ nowMs: NOW, max: 2, isIdle: false }))).toMatchObject({ status: "drain" })
    expect(idsOf(await store.claim(claimOf({ nowMs: NOW, max: 2, token: "t" })))).toEqual(["a"])
    expect(await store.finish({ jobId: "a", token: "t" }, success(), NOW)).toBe(true)
    expect(await operator.countDead()).toBe(0)
  })

  it("leaves the tickets that shared its work failed, and gives what comes to those that join now", async () => {
    await submit(store, jobOf("a", { maxAttempts: 1, contentKey: "cats" }))
    await submit(store, jobOf("b", { contentKey: "cats", webhookUrl: "https://receiver.example/" }))
    await store.claim(claimOf({ token: "t" }))
    await store.retry({ jobId: "a", token: "t" }, "the lane died", { nowMs: T0, counts: true })
    const ticketOf = async (id: string) => readJob({ store, now: () => NOW } as Services, id)
    const before = await ticketOf("b")
    expect(before).toMatchObject({ id: "b", state: "failed", finishedMs: T0, error: { code: "attempts_exhausted" } })

    for (const round of [1, 2]) {
      expect(await operator.retryDead("a", { ...revival, deadlineMs: revival.deadlineMs + round })).toBe("queued")
      expect(await ticketOf("b")).toMatchObject({
        state: "failed",
        finishedMs: T0,
        error: before?.state === "failed" && before.error,
      })
      expect(await store.cancel("b", NOW)).toMatchObject({ status: "finished" })
      await submit(store, jobOf(`c${round}`, { contentKey: "cats", createdMs: NOW }))
      expect(await ticketOf(`c${round}`)).toMatchObject({ state: "queued" })
      const [job] = (await store.claim(claimOf({ nowMs: NOW, token: `t${round}` }))).jobs
      const lease = { jobId: "a", token: `t${round}`, ...(job && { job }) }
      if (round === 2) await store.finish(lease, success(), NOW + round)
      else await store.retry(lease, "the lane died", { nowMs: NOW + round, counts: true, onceMore: true })
    }
    expect(await ticketOf("b")).toMatchObject({ state: "failed", finishedMs: T0 })
    expect(await ticketOf("c1")).toMatchObject({ state: "failed", finishedMs: NOW + 1 })
    expect(await ticketOf("c2")).toMatchObject({ state: "succeeded", finishedMs: NOW + 2 })
    expect((await dump()).deliveries.get("b")?.events).toHaveLength(1)
  })

  it("is a success again when its reply was lost, and finds none where there is none", async () => {
    await kill("a")
    await operator.retryDead("a", revival)
    expect(await operator.retryDead("a", revival)).toBe("queued")
    expect((await dump()).counters.get("n")).toBe("1")
    expect(await operator.retryDead("nobody", revival)).toBe("missing")
    await submit(store, jobOf("b"))
    expect(await operator.retryDead("b", revival)).toBe("missing")
  })

  it("leaves a dead letter whose bytes are gone where it is", async () => {
    await kill("a")
    harness.auditing = false
    await harness.client.del(harness.keys.payload("a-bytes"))
    expect(await operator.retryDead("a", revival)).toBe("payload_missing")
    expect(await operator.countDead()).toBe(1)
    await operator.dropDead("a")
  })

  it("works when nothing else is left of the queue, and leaves no key for ever", async () => {
    await kill("a")
    await harness.client.del(harness.keys.counters)
    expect(await operator.retryDead("a", revival)).toBe("queued")
  })
})

describe("dropDead()", () => {
  it("forgets the dead letter and its bytes; its ticket stays failed", async () => {
    await kill("a")
    expect(await operator.dropDead("a")).toBe(true)
    expect(await store.read("a")).toMatchObject({ state: "failed", error: { code: "attempts_exhausted" } })
    expect((await dump()).payloadIds.size).toBe(0)
    expect(await operator.dropDead("a")).toBe(false)
  })
})

const contentKeyOf = async (key: string) => harness.client.get(harness.keys.content(key))

describe("dropWaiting()", () => {
  it("ends what waits in one queue, however much: tickets, bytes, webhooks and room; nothing of another queue", async () => {
    harness.auditing = false
    for (let i = 0; i < 70; i++) await submit(store, jobOf(`j${i}`, { model: "old", caller: `key:${i % 2}` }))
    await submit(store, jobOf("told", { model: "old", webhookUrl: "https://hooks.example/x", contentKey: "same" }))
    await submit(store, jobOf("follower", { model: "old", contentKey: "same" }))
    await submit(store, jobOf("other"))
    harness.auditing = true
    expect(await operator.countWaiting("old")).toBe(71)
    expect(await operator.dropWaiting("old", NOW)).toBe(71)
    expect(await operator.dropWaiting("old", NOW)).toBe(0)
    const { queues, counters, payloadIds } = await dump()
    expect(queues.get("m")?.map(({ id }) => id)).toEqual(["other"])
    expect([counters.get("n"), counters.get("bytes"), counters.get("n:old")]).toEqual(["1", "3", "0"])
    expect(payloadIds).toEqual(new Set(["other-bytes"]))
    for (const id of ["j0", "j69", "told"]) {
      expect(await store.read(id)).toMatchObject({ state: "failed", error: { code: "job_dropped" }, finishedMs: NOW })
    }
    expect(await harness.client.exists(harness.keys.delivery("told"))).toBe(1)
    // The same picture again is a job of its own.
    expect(await submit(store, jobOf("again", { model: "old", contentKey: "same" }))).toMatchObject({
      status: "queued",
    })
  })
})

describe("moveWaiting()", () => {
  it("puts what waits at the end of its callers' lines for the other model, which answers it", async () => {
    await submit(store, jobOf("first"))
    await submit(store, jobOf("a", { model: "old", contentKey: "of-a", modelVersion: "v0" }))
    await submit(store, jobOf("b", { model: "old", caller: "key:b" }))
    expect(await operator.moveWaiting("old", { queue: "m", model: "m" }, NOW)).toBe(2)
    expect((await dump()).queues.get("old") ?? []).toEqual([])
    expect((await dump()).counters.get("n:m")).toBe("3")
    const claimed = await store.claim(claimOf({ nowMs: NOW, max: 3, token: "t" }))
    expect(new Set(idsOf(claimed))).toEqual(new Set(["first", "a", "b"]))
    expect(claimed.jobs.map(({ model }) => model)).toEqual(["m", "m", "m"])
    // Who asks the old model about the same picture is not given the answer of the other.
    expect(await contentKeyOf("of-a")).toBe(null)
    expect(await store.finish({ jobId: "a", token: "t" }, success(), NOW)).toBe(true)
    const again = jobOf("again", { model: "old", contentKey: "of-a", modelVersion: "v0" })
    expect(await submit(store, again)).toMatchObject({ status: "queued" })
  })
})

describe("pause()", () => {
  it("lets nobody claim, keeps order and leases, and accepts what comes", async () => {
    await submit(store, jobOf("a"))
    await store.claim(claimOf({ token: "t" }))
    await operator.pause()
    await operator.pause()
    for (const id of ["b", "c"]) await submit(store, jobOf(id))
    expect(await store.claim(claimOf({ max: 5 }))).toMatchObject({ status: "paused", jobs: [] })
    expect(await store.finish({ jobId: "a", token: "t" }, failure(), T0)).toBe(true)
    await operator.resume()
    expect(idsOf(await store.claim(claimOf({ max: 5 })))).toEqual(["b", "c"])
  })

  it("has no end of its own, until somebody resumes", async () => {
    await submit(store, jobOf("a"))
    await operator.pause()
    expect(await harness.client.pTTL(harness.keys.counters)).toBe(-1)
    // A day later the TTLs of what is shared are renewed; the pause takes none.
    await submit(store, jobOf("b", { createdMs: T0 + 86_400_000 }))
    expect(await harness.client.pTTL(harness.keys.counters)).toBe(-1)
    expect(await store.claim(claimOf())).toMatchObject({ status: "paused" })
    await operator.resume()
    expect(await harness.client.pTTL(harness.keys.counters)).toBeGreaterThan(0)
  })

  it("and resume() are one request each: neither can be half done", async () => {
    const onlyScripts = { script: harness.redis.script } as (typeof harness)["redis"]
    const once = new Operator(onlyScripts, harness.keys, DEFAULT_STORE_LIMITS)
    await once.pause()
    expect(await harness.client.hGet(harness.keys.counters, "paused")).toBe("1")
    expect(await harness.client.pTTL(harness.keys.counters)).toBe(-1)
    await once.resume()
    expect(await harness.client.hGet(harness.keys.counters, "paused")).toBeNull()
  })

  it("of an empty queue holds too", async () => {
    await operator.pause()
    await submit(store, jobOf("a"))
    expect(await store.claim(claimOf())).toMatchObject({ status: "paused" })
    await operator.resume()
    await operator.resume()
    expect(idsOf(await store.claim(claimOf()))).toEqual(["a"])
  })

  it("gives back leases that end meanwhile", async () => {
    await submit(store, jobOf("a"))
    await store.claim(claimOf())
    await operator.pause()
    await store.claim(claimOf({ nowMs: T0 + LEASE_MS + 1, reclaims: true }))
    expect(await store.read("a")).toMatchObject({ state: "queued", attempts: 1 })
    await operator.resume()
  })
})

describe("readQueueStats()", () => {
  const model = { id: "m", version: "v1", name: "M", inputWidth: 8, inputHeight: 8, labels: 3, languages: [] }
  const unset = { paused: false, concurrency: null }
  const heartbeat = {
    untilMs: T0 + 60_000,
    lanes: 2,
    queues: { m: { jobMs: 50, perSecond: 40, megapixels: 0, msPerMegapixel: 0 } },
  }

  it("says of a queue that nothing is in it", async () => {
    const registry = new Registry(harness.redis, harness.keys)
    const stats = await readQueueStats(harness, await registry.read(), T0)
    const nothing = {
      depth: 0,
      bytes: 0,
      processing: 0,
      dead: 0,
      result_bytes: 0,
      max_result_bytes: 2_000_000_000,
      warnings: [],
      paused: false,
      classifiers: 0,
      models: [],
      others: [],
    }
    expect(stats).toEqual(nothing)
  })

  it("counts what waits, is worked on and died, and tells ages and rates", async () => {
    const registry = new Registry(harness.redis, harness.keys)
    await registry.enroll([model, { ...model, id: "idle" }], T0)
    await kill("dead")
    await submit(store, jobOf("x"))
    await store.claim(claimOf({ heartbeat: JSON.stringify(heartbeat) }))
    await submit(store, jobOf("old", { createdMs: T0 + 1_000 }))
    await submit(store, jobOf("young", { createdMs: T0 + 2_000 }))
    await operator.pause()
    expect(await readQueueStats(harness, await registry.read(), T0 + 5_000)).toEqual({
      depth: 2,
      bytes: 6,
      processing: 1,
      dead: 1,
      // Four records of three jobs and a dead letter.
      result_bytes: expect.toSatisfy((bytes: number) => bytes > 4 * 1_500 && bytes < 20_000),
      max_result_bytes: 2_000_000_000,
      warnings: [],
      paused: true,
      classifiers: 1,
      models: [
        { id: "idle", depth: 0, oldest_age_ms: null, classifiers: 0, per_second: 0, eta_ms: null, ...unset },
        { id: "m", depth: 2, oldest_age_ms: 4_000, classifiers: 1, per_second: 40, eta_ms: null, ...unset },
      ],
      others: [],
    })
  })
})

describe("recordSchema()", () => {
  it("tells a classifier, and an edge that asks, that others came with another version", async () => {
    const { redis, keys, client } = harness
    expect(await readOtherSchema(redis, keys)).toBe(null)
    expect(await recordSchema(redis, keys)).toBe(null)
    expect(await recordSchema(redis, keys)).toBe(null)
    expect(await readOtherSchema(redis, keys)).toBe(null)
    expect(await client.pTTL(keys.schema)).toBeGreaterThan(0)
    await client.set(keys.schema, "99")
    expect(await readOtherSchema(redis, keys)).toBe("99")
    expect(await recordSchema(redis, keys)).toBe("99")
    expect(await recordSchema(redis, keys)).toBe(null)
  })
})

describe("Registry", () => {
  const model = { id: "m", version: "v1", name: "M", inputWidth: 8, inputHeight: 8, labels: 3, languages: [] }
  const heartbeat = {
    untilMs: T0 + 60_000,
    lanes: 2,
    queues: { m: { jobMs: 50, perSecond: 40, megapixels: 0, msPerMegapixel: 0 } },
  }

  it("knows a model from enroll(), a worker from its claims, and forgets both in time", async () => {
    const registry = new Registry(harness.redis, harness.keys)
    await registry.enroll([model], T0)
    await store.claim(claimOf({ worker: "w1", heartbeat: JSON.stringify(heartbeat) }))
    await store.claim(claimOf({ worker: "w2", heartbeat: JSON.stringify(heartbeat) }))
    const workers = [
      { id: "w1", ...heartbeat, broken: [] },
      { id: "w2", ...heartbeat, broken: [] },
    ]
    expect(await registry.read()).toEqual({ models: [{ ...model, seenMs: T0 }], workers })
    await registry.leave("w1")
    expect((await registry.read()).workers.map(({ id }) => id)).toEqual(["w2"])
    await registry.enroll([{ ...model, id: "new" }], T0 + 11 * 86_400_000)
    expect(await registry.read()).toMatchObject({ models: [{ id: "new" }], workers: [] })
  })

  it("keeps a model that is forgotten for as long as something waits for it, where operators see it", async () => {
    const registry = new Registry(harness.redis, harness.keys)
    await registry.enroll([{ ...model, id: "old" }], T0)
    const later = T0 + 2 * 86_400_000
    await submit(store, jobOf("patient", { model: "old", deadlineMs: later + DEADLINE_MS }))
    await registry.enroll([model], later)
    const ids = async () => (await registry.read()).models.map(({ id }) => id)
    expect(await ids()).toEqual(["m", "old"])
    const { models } = await readQueueStats(harness, await registry.read(), later)
    expect(models).toMatchObject([{ id: "m" }, { id: "old", depth: 1, classifiers: 0 }])
    await operator.dropWaiting("old", later)
    expect((await readQueueStats(harness, await registry.read(), later)).models).toMatchObject([{ id: "m" }])
    await registry.enroll([model], later)
    expect(await ids()).toEqual(["m"])
  })

  it("enroll() of a worker that has lost its last model leaves what is known as it is", async () => {
    const registry = new Registry(harness.redis, harness.keys)
    await registry.enroll([], T0)
    await registry.enroll([model], T0)
    await registry.enroll([], T0 + 1)
    expect((await registry.read()).models).toEqual([{ ...model, seenMs: T0 }])
  })

  it("enroll() fails what waits past its deadline for a model that nobody serves any longer, and gives its room back", async () => {
    const registry = new Registry(harness.redis, harness.keys)
    await registry.enroll([{ ...model, id: "old" }, model], T0)
    await store.claim(
      claimOf({ worker: "w1", heartbeat: JSON.stringify({ ...heartbeat, untilMs: NOW + 10 * DEADLINE_MS }) }),
    )
    harness.auditing = false
    for (let i = 0; i < 130; i++) await submit(store, jobOf(`late${i}`, { model: "old" }))
    for (const id of ["patient", "steady"]) {
      await submit(store, jobOf(id, { model: "old", caller: "key:b", deadlineMs: T0 + 9 * DEADLINE_MS }))
    }
    await submit(store, jobOf("served"))
    const { payloadId: _none, ...elsewhere } = jobOf("elsewhere", { model: "old", queue: "old@url", bytes: 0 })
    await submit(store, elsewhere)
    harness.auditing = true
    await registry.enroll([{ ...model, id: "new" }], T0 + 2 * DEADLINE_MS)
    const { queues, counters } = await dump()
    expect(queues.get("old")?.map(({ id }) => id)).toEqual(["patient", "steady"])
    expect(queues.get("m")?.map(({ id }) => id)).toEqual(["served"])
    expect(counters.get("d:key:a")).toBe("1")
    expect(queues.get("old@url") ?? []).toEqual([])
    expect(await store.read("elsewhere")).toMatchObject({ state: "failed", error: { code: "deadline_exceeded" } })
    expect(await store.read("late129")).toMatchObject({ state: "failed", error: { code: "deadline_exceeded" } })
  })

  it("of a heartbeat that comes before any enroll() does not live for ever", async () => {
    await store.claim(claimOf({ heartbeat: JSON.stringify(heartbeat) }))
    expect(await harness.client.pTTL(harness.keys.registry)).toBeGreaterThan(0)
  })
})
