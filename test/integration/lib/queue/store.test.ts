import { beforeEach, describe, expect, it } from "vitest"
import type { Claim } from "../../../../src/lib/queue/claim.ts"
import { isSuspect } from "../../../../src/lib/queue/job.ts"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"
import { auditStore } from "../../../support/store/store-audit.ts"
import {
  claimOf,
  DEADLINE_MS,
  failure,
  idsOf,
  jobOf,
  LEASE_MS,
  resultOf,
  submit,
  success,
  T0,
} from "../../../support/store/store-harness.ts"
import { useStore } from "../../../support/store/use-store.ts"

const harness = useStore()
let store: JobStore

beforeEach(async () => {
  store = harness.store()
})

const { dump } = harness
const exists = (key: string) => harness.client.exists(key)
const LATER = T0 + LEASE_MS + 1

describe("putPayload()", () => {
  it("keeps bytes as they are, for a minute", async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    await store.putPayload("p", bytes)
    expect(await store.getPayload("p")).toEqual(bytes)
    const ttlMs = await harness.client.pTTL(harness.keys.payload("p"))
    expect(ttlMs).toBeGreaterThan(0)
    expect(ttlMs).toBeLessThanOrEqual(60_000)
  })

  it("gives null for bytes that are gone", async () => {
    expect(await store.getPayload("nobody")).toBeNull()
  })
})

describe("enqueue()", () => {
  it("gives a job its place, and its bytes a life past deadline and attempts", async () => {
    expect(await submit(store, jobOf("a"))).toMatchObject({
      status: "queued",
      position: 0,
      job: { id: "a", state: "queued", attempts: 0, bytes: 3, input: { ticketId: "cls_a" } },
    })
    expect(await submit(store, jobOf("b"))).toMatchObject({ status: "queued", position: 1 })
    expect(await harness.client.pTTL(harness.keys.payload("a-bytes"))).toBeGreaterThan(DEADLINE_MS)
    expect(await store.read("a")).toMatchObject({ id: "a", state: "queued" })
  })

  it("tells the wake channel", async () => {
    const subscriber = harness.client.duplicate()
    await subscriber.connect()
    const heard = new Promise<string>((resolve) => subscriber.subscribe(harness.keys.wakeChannel, resolve))
    await submit(store, jobOf("a"))
    expect(await heard).toBe("queued:m")
    subscriber.destroy()
  })

  it("answers a repeat, whose reply was lost, with the same ticket", async () => {
    await submit(store, jobOf("a"))
    expect(await store.enqueue(jobOf("a"))).toMatchObject({ status: "exists", job: { id: "a", state: "queued" } })
    expect((await dump()).counters.get("n")).toBe("1")
  })

  it("answers a repeat with other bytes with the first ticket, and keeps the first bytes only", async () => {
    await submit(store, jobOf("a"))
    const repeat = jobOf("a", { payloadId: "second" })
    expect(await submit(store, repeat)).toMatchObject({ status: "exists", job: { payloadId: "a-bytes" } })
    expect((await dump()).payloadIds).toEqual(new Set(["a-bytes"]))
  })

  it("answers a repeat of a job that is done with its result", async () => {
    await submit(store, jobOf("a"))
    const [job] = (await store.claim(claimOf())).jobs
    await store.finish({ jobId: "a", token: job?.leaseToken ?? "" }, success(), T0)
    const first = { status: "exists", job: { state: "succeeded", result: resultOf("cat") } }
    expect(await store.enqueue(jobOf("a"))).toMatchObject(first)
    expect(await submit(store, jobOf("a", { payloadId: "second" }))).toMatchObject(first)
    expect((await dump()).payloadIds).toEqual(new Set())
  })

  it("keeps nothing of a job whose bytes are gone", async () => {
    await expect(store.enqueue(jobOf("a", { contentKey: "c" }))).rejects.toMatchObject({ code: "redis_unavailable" })
    expect(await harness.client.dbSize()).toBe(0)
  })

  const full = [
    { limit: "jobs", limits: { maxDepth: 2 }, code: "queue_full" },
    { limit: "bytes", limits: { maxBytes: 6 }, caller: "key:b", code: "queue_full" },
    { limit: "jobs of the caller", limits: { maxDepthPerCaller: 2 }, code: "caller_queue_full" },
    { limit: "bytes of the caller", limits: { maxBytes: 13 }, code: "caller_bytes_full" },
    { limit: "kept bytes", limits: { maxResultBytes: 5_000 }, caller: "key:b", code: "results_full" },
    { limit: "kept bytes of the caller", limits: { maxResultBytes: 9_000 }, code: "caller_bytes_full" },
  ]
  it.each(full)(
    "refuses past the limit of $limit and keeps nothing, but knows a repeat",
    async ({ limits, caller = "key:a", code }) => {
      store = harness.store(limits)
      await submit(store, jobOf("a"))
      await submit(store, jobOf("b", { caller }))
      const before = (await harness.client.keys("*")).sort()
      await expect(submit(store, jobOf("c", { contentKey: "c" }))).rejects.toMatchObject({ code })
      expect((await harness.client.keys("*")).sort()).toEqual(before)
      expect(await submit(store, jobOf("b", { payloadId: "again", caller }))).toMatchObject({
        status: "exists",
        job: { id: "b" },
      })
      expect((await harness.client.keys("*")).sort()).toEqual(before)
    },
  )

  it("lets another caller in when one has reached its own limit, and again the first when it has room", async () => {
    store = harness.store({ maxDepthPerCaller: 1 })
    await submit(store, jobOf("a"))
    await expect(submit(store, jobOf("b"))).rejects.toMatchObject({ code: "caller_queue_full" })
    expect(await submit(store, jobOf("c", { caller: "key:b" }))).toMatchObject({ status: "queued" })
    expect(idsOf(await store.claim(claimOf()))).toEqual(["a"])
    expect(await submit(store, jobOf("d"))).toMatchObject({ status: "queued" })
  })

  it("keeps callers' names apart from what the members say, spaces and colons included", async () => {
    await submit(store, jobOf("a", { caller: "ip:2001:db8::1 (proxy 7)" }))
    expect(idsOf(await store.claim(claimOf()))).toEqual(["a"])
  })
})

describe("queues", () => {
  it("of URLs and of operations are apart from a model's, and each is claimed from by its name", async () => {
    const url = jobOf("u", { queue: "m@url" })
    delete url.payloadId
    delete url.input.image
    expect(await store.enqueue(url)).toMatchObject({ status: "queued", position: 0, job: { bytes: 0 } })
    await submit(store, jobOf("i", { queue: "@inspect" }))
    await submit(store, jobOf("c"))
    expect(idsOf(await store.claim(claimOf({ max: 9 })))).toEqual(["c"])
    expect(idsOf(await store.claim(claimOf({ max: 9, queues: ["@inspect", "m@url"] })))).toEqual(["i", "u"])
  })

  it("that are known to be empty are not asked, but for what came back to them", async () => {
    await submit(store, jobOf("a"))
    expect(await store.claim(claimOf({ skip: ["m"] }))).toMatchObject({ jobs: [], status: "empty", empty: [] })
    await store.claim(claimOf())
    const late = claimOf({ nowMs: LATER, reclaims: true, skip: ["m"] })
    expect(idsOf(await store.claim(late))).toEqual(["a"])
  })

  it("tell which of them hold nothing", async () => {
    await submit(store, jobOf("a"))
    await submit(store, jobOf("b"))
    const claim = { queues: ["x", "m", "y"], max: 2 }
    expect((await store.claim(claimOf(claim))).empty).toEqual(["x"])
    expect((await store.claim(claimOf(claim))).empty).toEqual(["x", "m", "y"])
  })

  it("put a caller's rows behind its own single pictures, and beside another caller's", async () => {
    const row = (id: string) => submit(store, jobOf(id, { batch: { id: "b", row: 1, picture: 0, keepUntilMs: T0 } }))
    for (const id of ["r1", "r2", "r3"]) await row(id)
    await submit(store, jobOf("s1"))
    await submit(store, jobOf("s2"))
    expect(idsOf(await store.claim(claimOf({ max: 9 })))).toEqual(["r1", "s1", "s2", "r2", "r3"])
  })
})

describe("read() and position()", () => {
  it("read() gives null for a job that never was", async () => {
    expect(await store.read("nobody")).toBeNull()
  })

  it("position() counts the jobs that are claimed before, and is null for one that does not wait", async () => {
    for (const id of ["a", "b", "c"]) await submit(store, jobOf(id))
    const last = await store.read("c")
    if (last === null) throw new Error("c is gone")
    expect(await store.position(last)).toBe(2)
    await store.claim(claimOf({ max: 2 }))
    expect(await store.position(last)).toBe(0)
    await store.claim(claimOf())
    expect(await store.position(last)).toBeNull()
  })
})

describe("claim()", () => {
  it("returns nothing when the queue is empty", async () => {
    expect(await store.claim(claimOf({ reclaims: true }))).toEqual({
      jobs: [],
      status: "empty",
      nextLeaseEndMs: null,
      empty: ["m"],
      reclaimed: [],
      unreadable: [],
    })
  })

  it("hands out jobs in order, with their lease", async () => {
    for (const id of ["a", "b", "c"]) await submit(store, jobOf(id))
    const first = await store.claim(claimOf({ max: 2, token: "t1", nowMs: T0 + 5 }))
    expect(first).toMatchObject({
      status: "more",
      jobs: [
        { id: "a", state: "processing", leaseToken: "t1", worker: "w", attempts: 1, startedMs: T0 + 5 },
        { id: "b", leaseToken: "t1" },
      ],
    })
    expect(await store.claim(claimOf({ max: 2 }))).toMatchObject({ status: "empty", jobs: [{ id: "c" }] })
    expect((await dump()).leases).toContainEqual({ id: "a", token: "t1", endMs: T0 + 5 + LEASE_MS })
  })

  it("takes of several models in the order asked for, and no more than asked for", async () => {
    await submit(store, jobOf("x1", { model: "x" }))
    await submit(store, jobOf("y1", { model: "y" }))
    await submit(store, jobOf("y2", { model: "y" }))
    await submit(store, jobOf("z1", { model: "z" }))
    expect(idsOf(await store.claim(claimOf({ queues: ["y", "x"], max: 3 })))).toEqual(["y1", "y2", "x1"])
    expect(await store.claim(claimOf({ queues: ["y", "x"], max: 3 }))).toMatchObject({ status: "empty", jobs: [] })
    expect((await dump()).queues.get("z")).toHaveLength(1)
  })

  it("returns the same jobs again when its reply was lost", async () => {
    for (const id of ["a", "b", "c"]) await submit(store, jobOf(id))
    const claim = claimOf({ max: 2 })
    const first = await store.claim(claim)
    const again = await store.claim({ ...claim, again: true })
    expect(again.jobs).toEqual(first.jobs)
    expect(await store.read("c")).toMatchObject({ state: "queued" })
  })

  it("takes jobs when it is repeated and had taken none", async () => {
    await submit(store, jobOf("a"))
    expect(idsOf(await store.claim(claimOf({ again: true })))).toEqual(["a"])
  })

  it("does not return by a repeat what was finished meanwhile", async () => {
    await submit(store, jobOf("a"))
    await submit(store, jobOf("b"))
    const claim = claimOf({ max: 2 })
    await store.claim(claim)
    await store.finish({ jobId: "a", token: claim.token }, success(), T0)
    expect(idsOf(await store.claim({ ...claim, again: true }))).toEqual(["b"])
  })

  it("tells when the next lease ends, to one that looks for leases", async () => {
    await submit(store, jobOf("a"))
    await store.claim(claimOf())
    expect(await store.claim(claimOf())).toMatchObject({ nextLeaseEndMs: null })
    expect(await store.claim(claimOf({ reclaims: true }))).toMatchObject({ nextLeaseEndMs: T0 + LEASE_MS })
  })

  it("fails a job that was not started by its deadline, and goes on to the next", async () => {
    await submit(store, jobOf("late", { deadlineMs: T0 + 1_000 }))
    await submit(store, jobOf("b"))
    expect(await store.claim(claimOf({ nowMs: T0 + 1_001, max: 2 }))).toMatchObject({ jobs: [{ id: "b" }] })
    expect(await store.read("late")).toMatchObject({ state: "failed", error: { code: "deadline_exceeded" } })
  })

  it("tells of a job that had waited past its deadline: nobody else can", async () => {
    await submit(store, jobOf("a", { deadlineMs: T0 + 1_000 }))
    const { jobs, reclaimed } = await store.claim(claimOf({ nowMs: LATER }))
    expect({ jobs, reclaimed }).toEqual({ jobs: [], reclaimed: [await store.read("a")] })
    expect(reclaimed).toMatchObject([{ state: "failed", error: { code: "deadline_exceeded" } }])
  })

  it("reaches the first live job behind an expired backlog in claims that end a page of it each", async () => {
    harness.auditing = false
    const crowd = harness.crowdStore()
    const late = Array.from({ length: 500 }, (_none, i) => `late${i}`)
    await Promise.all(late.map((id) => submit(crowd, jobOf(id, { deadlineMs: T0 + 1_000, caller: `key:${id}` }))))
    await Promise.all(late.slice(0, 50).map((id) => harness.client.del(harness.keys.job(id))))
    await submit(store, jobOf("live", { deadlineMs: LATER + 1_000 }))
    const reclaimed: string[] = []
    let claims = 0
    for (let jobs: string[] = []; jobs.length === 0; claims++) {
      const claimed = await store.claim(claimOf({ nowMs: LATER, max: 2 }))
      jobs = idsOf(claimed)
      if (jobs.length === 0) expect(claimed.status).toBe("more")
      expect(claimed.reclaimed.length).toBeLessThanOrEqual(102)
      reclaimed.push(...claimed.reclaimed.map(({ id }) => id))
      if (jobs.length > 0) expect(jobs).toEqual(["live"])
    }
    expect(claims).toBeLessThanOrEqual(6)
    expect(reclaimed.sort()).toEqual(late.slice(50).sort())
  })

  it("keeps a job that was started in time, however late it is tried again", async () => {
    await submit(store, jobOf("a", { deadlineMs: T0 + 1_000 }))
    await store.claim(claimOf())
    expect(idsOf(await store.claim(claimOf({ nowMs: LATER, reclaims: true })))).toEqual(["a"])
  })

  it("passes over what expired by itself", async () => {
    await submit(store, jobOf("a"))
    await submit(store, jobOf("b"))
    harness.auditing = false
    await harness.client.del(harness.keys.job("a"))
    expect(idsOf(await store.claim(claimOf({ max: 2 })))).toEqual(["b"])
  })
})

describe("a lease", () => {
  it("that ends puts its job back at its old place", async () => {
    for (const id of ["a", "b"]) await submit(store, jobOf(id))
    await store.claim(claimOf())
    await submit(store, jobOf("c", { caller: "key:c" }))
    const old = (await store.read("a"))?.start
    const next = await store.claim(claimOf({ nowMs: LATER, reclaims: true, worker: "w2" }))
    expect(next).toMatchObject({
      status: "more",
      jobs: [{ id: "a", attempts: 2, worker: "w2", startedMs: T0, start: old }],
      reclaimed: [{ id: "a", attempts: 1, state: "queued" }],
    })
  })

  it("is left alone until its end", async () => {
    await submit(store, jobOf("a"))
    await store.claim(claimOf())
    expect(idsOf(await store.claim(claimOf({ nowMs: T0 + LEASE_MS - 1, reclaims: true })))).toEqual([])
  })

  it("that is renewed ends later; renew() tells which are lost", async () => {
    await submit(store, jobOf("a"))
    await submit(store, jobOf("b"))
    const { token } = claimOf()
    await store.claim(claimOf({ token, max: 2 }))
    await store.finish({ jobId: "b", token }, success(), T0)
    const [held, lost] = [
      { jobId: "a", token },
      { jobId: "b", token },
    ]
    expect(await store.renew([lost, held], T0 + 2 * LEASE_MS)).toEqual([lost])
    expect(await store.renew([lost, held], T0 + 2 * LEASE_MS)).toEqual([lost])
    expect(await store.claim(claimOf({ nowMs: LATER, reclaims: true }))).toMatchObject({
      jobs: [],
      nextLeaseEndMs: T0 + 2 * LEASE_MS,
    })
    expect(await store.renew([lost], T0 + 2 * LEASE_MS)).toEqual([lost])
  })

  it("that ended for the last time brings the job to the dead letters, with reason and payload", async () => {
    await submit(store, jobOf("a"))
    let nowMs = T0
    for (const worker of ["w1", "w2", "w3"]) {
      expect(idsOf(await store.claim(claimOf({ nowMs, worker, reclaims: true })))).toEqual(["a"])
      nowMs += LEASE_MS + 1
    }
    const claimed = await store.claim(claimOf({ nowMs, reclaims: true }))
    const job = await store.read("a")
    expect(claimed).toMatchObject({ jobs: [], status: "empty", reclaimed: [job] })
    expect(job).toMatchObject({ state: "failed", attempts: 3, worker: "w3", finishedMs: nowMs })
    expect(job).toMatchObject({ error: { code: "attempts_exhausted", message: expect.stringContaining("w3 ran out") } })
    expect((await dump()).dead).toEqual(["a"])
    expect(await exists(harness.keys.payload("a-bytes"))).toBe(1)
  })

  it("of a crowd that all ended is looked after at once, and the rest is not forgotten", async () => {
    harness.auditing = false
    const token = "crowd"
    for (let i = 0; i < 40; i++) await submit(store, jobOf(`a${i}`, { maxAttempts: 1 }))
    await store.claim(claimOf({ token, max: 40 }))
    const first = await store.claim(claimOf({ nowMs: LATER, reclaims: true }))
    // Whoever sleeps until the next lease ends wakes at once.
    if ((await dump()).leases.length > 0) expect(first.nextLeaseEndMs).toBeLessThanOrEqual(LATER)
    await store.claim(claimOf({ nowMs: LATER, reclaims: true }))
    expect((await dump()).leases).toEqual([])
    expect((await dump()).dead).toHaveLength(40)
  })
})

describe("a suspect at the head of the queue", () => {
  const busy = (worker: string, options: Partial<Claim> = {}) =>
    store.claim(claimOf({ worker, nowMs: LATER, max: 2, isIdle: false, ...options }))
  beforeEach(async () => {
    for (const id of ["bad1", "bad2", "bad3"]) await submit(store, jobOf(id))
    await store.claim(claimOf({ max: 3 }))
    for (let i = 0; i < 8; i++) await submit(store, jobOf(`good${i}`))
    expect(await busy("drainer", { reclaims: true })).toMatchObject({ status: "drain", jobs: [] })
  })

  it("drains one classifier: the others go on with the jobs behind it", async () => {
    const claimed = [await busy("x"), await busy("y"), await busy("x"), await busy("y")]
    expect(claimed.flatMap(idsOf)).toEqual(Array.from({ length: 8 }, (_none, i) => `good${i}`))
    expect(claimed.map(({ status }) => status)).toEqual(["more", "more", "more", "more"])
    // Nothing else waits: they look no more until something comes, and empty no hand.
    expect(await busy("x")).toMatchObject({ status: "empty", jobs: [], empty: ["m"] })
    expect(idsOf(await busy("drainer", { isIdle: true }))).toEqual(["bad1"])
    expect(await busy("x")).toMatchObject({ status: "empty", jobs: [] })
    expect(idsOf(await busy("idle", { isIdle: true }))).toEqual(["bad2"])
  })

  it("drains another when the one that was to be drained is gone", async () => {
    expect(await busy("x", { nowMs: LATER + LEASE_MS })).toMatchObject({ status: "drain", jobs: [] })
    expect(idsOf(await busy("y", { nowMs: LATER + LEASE_MS }))).toEqual(["good0", "good1"])
  })

  it("is looked behind as far as a page, whatever stands there", async () => {
    await harness.client.flushAll()
    harness.auditing = false
    const ids = Array.from({ length: 40 }, (_none, i) => `bad${i}`)
    for (const id of ids) await submit(store, jobOf(id))
    await store.claim(claimOf({ max: 40 }))
    await submit(store, jobOf("good"))
    for (let i = 0; i < 2; i++) expect(await busy("drainer", { reclaims: true })).toMatchObject({ status: "drain" })
    expect(await busy("x")).toMatchObject({ status: "empty", jobs: [] })
    expect((await auditStore(harness.client, harness.keys)).queues.get("m")).toHaveLength(41)
  })
})

describe("a record that no script can handle", () => {
  const T1 = T0 + DEADLINE_MS + 1
  /** Of three that wait for each queue, or are worked on, the second is damaged. */
  async function damage(text: string): Promise<void> {
    harness.auditing = false
    for (const id of ["a", "b", "c"]) await submit(store, jobOf(id))
    await harness.client.set(harness.keys.job("b"), text, { KEEPTTL: true } as never)
    await harness.client.pExpire(harness.keys.job("b"), 60_000)
  }
  const damages = ["no JSON", '{"id":"b","state":"queued","attempts":"x"}', '{"id":"b","state":"queued","attempts":0}']
  const deadIds = async () => (await harness.operator().listDead()).map(({ id }) => id)

  it.each(damages)("goes to the dead letters, and its neighbours are claimed: %s", async (text) => {
    await damage(text)
    expect(idsOf(await store.claim(claimOf({ max: 3 })))).toEqual(["a", "c"])
    expect(await deadIds()).toEqual(["b"])
    expect(Number(await harness.client.hGet(harness.keys.counters, "n"))).toBe(0)
    expect(await harness.operator().dropDead("b")).toBe(true)
    harness.auditing = true
    await harness.client.del([harness.keys.job("b"), harness.keys.payload("b-bytes")])
  })

  it.each(damages)("goes to the dead letters, and its neighbours' leases run out as ever: %s", async (text) => {
    for (const id of ["a", "b", "c"]) await submit(store, jobOf(id))
    await store.claim(claimOf({ max: 3 }))
    harness.auditing = false
    await harness.client.set(harness.keys.job("b"), text, { PX: 60_000 } as never)
    const reclaimed = (await store.claim(claimOf({ nowMs: LATER, reclaims: true, max: 1, queues: ["none"] }))).reclaimed
    expect(reclaimed.map(({ id }) => id)).toEqual(["a", "c"])
    await harness.client.del([harness.keys.job("b"), harness.keys.payload("b-bytes")])
    expect((await dump()).leases).toEqual([])
    await harness.operator().dropDead("b")
  })

  it.each(damages)("does not keep its neighbours from being dropped, or from ending late: %s", async (text) => {
    await damage(text)
    expect(await harness.operator().dropWaiting("m", T0)).toBe(text === damages[0] ? 2 : 3)
    for (const id of ["a", "c"]) expect(await store.read(id)).toMatchObject({ state: "failed" })
    await harness.client.flushAll()
    await damage(text)
    await store.claim(claimOf({ nowMs: T1, max: 1 }))
    for (const id of ["a", "c"]) expect(await store.read(id)).toMatchObject({ state: "failed" })
    await harness.client.flushAll()
  })
})

describe("a claim whose first sending comes late", () => {
  it("leases nothing to nobody when its repeat was answered", async () => {
    for (const id of ["a", "b"]) await submit(store, jobOf(id))
    const claim = claimOf({ token: "t" })
    expect(idsOf(await store.claim({ ...claim, again: true }))).toEqual(["a"])
    expect(await store.claim(claim)).toMatchObject({ jobs: [] })
    expect(idsOf(await store.claim(claimOf()))).toEqual(["b"])
  })

  it("nor when its repeat found nothing, and the queue was paused or is gone by then", async () => {
    const claim = claimOf({ token: "t" })
    expect(await store.claim({ ...claim, again: true })).toMatchObject({ jobs: [], status: "empty" })
    await submit(store, jobOf("a"))
    expect(await store.claim(claim)).toMatchObject({ jobs: [] })
    expect(idsOf(await store.claim(claimOf()))).toEqual(["a"])
  })
})

describe("a job whose earlier attempt ended without an answer", () => {
  beforeEach(async () => {
    for (const id of ["a", "b", "c"]) await submit(store, jobOf(id))
    await store.claim(claimOf({ max: 1 }))
  })

  it("is handed out alone", async () => {
    const claimed = await store.claim(claimOf({ nowMs: LATER, reclaims: true, max: 3 }))
    expect(claimed).toMatchObject({ status: "more", jobs: [{ id: "a", attempts: 2 }] })
    expect(idsOf(await store.claim(claimOf({ nowMs: LATER, max: 3 })))).toEqual(["b", "c"])
  })

  it("waits for a worker whose hand is empty", async () => {
    const claimed = await store.claim(claimOf({ nowMs: LATER, reclaims: true, max: 3, isIdle: false }))
    expect(claimed).toMatchObject({ status: "drain", jobs: [] })
    expect(await store.position({ ...claimOf(), ...(await store.read("a")) } as never)).toBe(0)
    expect(idsOf(await store.claim(claimOf({ nowMs: LATER, max: 3 })))).toEqual(["a"])
  })

  it("ends a batch of others that stand before it", async () => {
    await submit(store, jobOf("x", { model: "x" }))
    const claimed = await store.claim(claimOf({ nowMs: LATER, reclaims: true, max: 4, queues: ["x", "m"] }))
    expect(claimed).toMatchObject({ status: "more", jobs: [{ id: "x" }] })
    expect(await store.claim(claimOf({ nowMs: LATER, max: 4, isIdle: false }))).toMatchObject({ status: "drain" })
  })
})

describe("a job whose picture is fetched", () => {
  const queues = ["m@url"]
  /** It ends `attempts` of its three without an answer; b and c wait behind it. */
  async function fails(attempts: number) {
    for (const id of ["a", "b", "c"]) {
      const { payloadId: _none, ...job } = jobOf(id, { queue: "m@url", bytes: 0 })
      await submit(store, {
        ...job,
        input: { ...job.input, source: { kind: "url", url: `https://example.com/${id}` } },
      })
    }
    for (let attempt = 0; attempt < attempts; attempt++) {
      const claim = claimOf({ queues })
      expect(idsOf(await store.claim(claim))).toEqual(["a"])
      await store.retry({ jobId: "a", token: claim.token }, "the lane died", { nowMs: T0, counts: true })
    }
  }

  it("is handed out among others at its second attempt", async () => {
    await fails(1)
    expect(idsOf(await store.claim(claimOf({ queues, max: 3, isIdle: false })))).toEqual(["a", "b", "c"])
  })

  it("is handed out alone at its last, to a worker whose hand is empty", async () => {
    await fails(2)
    const busy = await store.claim(claimOf({ queues, max: 3, isIdle: false }))
    expect(busy).toMatchObject({ status: "drain", jobs: [] })
    const claimed = await store.claim(claimOf({ queues, max: 3 }))
    expect(claimed).toMatchObject({ status: "more", jobs: [{ id: "a", attempts: 3 }] })
    expect(claimed.jobs.map(isSuspect)).toEqual([true])
    expect(idsOf(await store.claim(claimOf({ queues, max: 3 })))).toEqual(["b", "c"])
  })
})

describe("a job that took too long", () => {
  const tooLong = { nowMs: T0, counts: true, timedOut: true, onceMore: true }
  const give = (token: string) => store.retry({ jobId: "a", token }, "the lane took too long", tooLong)

  it("is no suspect: it is tried once more beside others, and no oftener, even if its picture is fetched", async () => {
    const queues = ["m@url"]
    for (const id of ["a", "b"]) {
      const { payloadId: _none, ...job } = jobOf(id, { queue: "m@url", bytes: 0, maxAttempts: 9 })
      await submit(store, {
        ...job,
        input: { ...job.input, source: { kind: "url", url: `https://example.com/${id}` } },
      })
    }
    await store.claim(claimOf({ queues, token: "t1" }))
    expect([await give("t1"), await give("t1")]).toEqual(["queued", "queued"])
    const again = await store.claim(claimOf({ queues, max: 1, token: "t2", isIdle: false }))
    expect(again).toMatchObject({ status: "more", jobs: [{ id: "a", attempts: 2 }] })
    expect(again.jobs.map(isSuspect)).toEqual([false])
    expect(await give("t2")).toBe("dead")
    expect(await store.read("a")).toMatchObject({
      state: "failed",
      attempts: 2,
      error: { code: "attempts_exhausted", message: expect.stringContaining("took too long") },
    })
    expect(idsOf(await store.claim(claimOf({ queues, max: 2 })))).toEqual(["b"])
  })

  it("at its last attempt gets no other", async () => {
    await submit(store, jobOf("a", { maxAttempts: 1 }))
    await store.claim(claimOf({ token: "t1" }))
    await give("t1")
    expect(await store.read("a")).toMatchObject({ state: "failed", attempts: 1 })
  })

  it("beside others, each of which may have been the one, is tried alone without having been counted", async () => {
    for (const id of ["a", "b"]) await submit(store, jobOf(id))
    await store.claim(claimOf({ token: "t1" }))
    await store.retry({ jobId: "a", token: "t1" }, "no memory left", { nowMs: T0, counts: false, alone: true })
    expect(await store.claim(claimOf({ max: 2, isIdle: false }))).toMatchObject({ status: "drain", jobs: [] })
    expect(await store.claim(claimOf({ max: 2 }))).toMatchObject({ status: "more", jobs: [{ id: "a", attempts: 1 }] })
  })
})

describe("finish()", () => {
  const token = "t"
  beforeEach(async () => {
    await submit(store, jobOf("a"))
    await store.claim(claimOf({ token }))
  })

  it("stores the result and leaves nothing else", async () => {
    expect(await store.finish({ jobId: "a", token }, success(), T0 + 40)).toBe(true)
    expect(await store.read("a")).toMatchObject({ state: "succeeded", finishedMs: T0 + 40, result: resultOf("cat") })
    const { payloadIds, leases, queues } = await dump()
    expect([payloadIds.size, leases.length, queues.size]).toEqual([0, 0, 0])
  })

  it("keeps the result for as long as it was told", async () => {
    await harness.store({ resultTtlMs: 5_000 }).finish({ jobId: "a", token }, success(), T0)
    expect(await harness.client.pTTL(harness.keys.job("a"))).toBeLessThanOrEqual(5_000)
  })

  it("stores an empty list of predictions as one, and numbers to the last digit", async () => {
    const result = { ...resultOf("cat"), predictions: [], timingsMs: { fetch: 0.1 + 0.2, decode: 1 / 3, infer: 1e-7 } }
    await store.finish({ jobId: "a", token }, { state: "succeeded", result }, T0)
    expect(await store.read("a")).toMatchObject({ result })
  })

  it("stores a failure with its reason", async () => {
    expect(await store.finish({ jobId: "a", token }, failure(), T0)).toBe(true)
    expect(await store.read("a")).toMatchObject({ state: "failed", error: { code: "invalid_image" } })
    expect((await dump()).dead).toEqual([])
  })

  it("is a success again when its reply was lost, and changes nothing", async () => {
    await store.finish({ jobId: "a", token }, success("cat"), T0)
    expect(await store.finish({ jobId: "a", token }, success("dog"), T0 + 9)).toBe(true)
    expect(await store.read("a")).toMatchObject({ finishedMs: T0, result: resultOf("cat") })
  })

  it("of a worker that was stalled is refused, before and after the job is tried again", async () => {
    await store.claim(claimOf({ nowMs: LATER, reclaims: true, queues: ["other"] }))
    expect(await store.finish({ jobId: "a", token }, success("late"), LATER)).toBe(false)
    expect(await store.read("a")).toMatchObject({ state: "queued" })
    await store.claim(claimOf({ nowMs: LATER, token: "t2" }))
    expect(await store.finish({ jobId: "a", token }, success("late"), LATER)).toBe(false)
    expect(await store.renew([{ jobId: "a", token }], LATER + LEASE_MS)).toHaveLength(1)
    expect(await store.retry({ jobId: "a", token: "t0" }, "late", { nowMs: LATER, counts: true })).toBe("lost")
    expect(await store.finish({ jobId: "a", token: "t2" }, success("cat"), LATER)).toBe(true)
    expect(await store.finish({ jobId: "a", token }, success("late"), LATER)).toBe(false)
    expect(await store.read("a")).toMatchObject({ attempts: 2, result: resultOf("cat") })
  })

  it("of a worker that was stalled is refused when the job has died meanwhile", async () => {
    let last = token
    for (let nowMs = LATER; (await dump()).dead.length === 0; nowMs += LEASE_MS + 1) {
      const claim = claimOf({ nowMs, reclaims: true })
      const { jobs } = await store.claim(claim)
      if (jobs.length > 0) last = claim.token
    }
    expect(await store.finish({ jobId: "a", token: last }, failure(), LATER)).toBe(false)
    expect(await store.read("a")).toMatchObject({ error: { code: "attempts_exhausted" } })
  })

  it("of a job that is not there is refused", async () => {
    expect(await store.finish({ jobId: "nobody", token }, success(), T0)).toBe(false)
  })
})

describe("retry()", () => {
  const token = "t"
  const counted = { nowMs: T0, counts: true }
  beforeEach(async () => {
    await submit(store, jobOf("a", { maxAttempts: 2 }))
    await submit(store, jobOf("b"))
    await store.claim(claimOf({ token }))
  })

  it("puts the job back at its old place, and wakes whoever may take it", async () => {
    const subscriber = harness.client.duplicate()
    await subscriber.connect()
    let hear: (message: string) => void = () => undefined
    const heard = new Promise<string>((resolve) => {
      hear = resolve
    })
    await subscriber.subscribe(harness.keys.wakeChannel, (message) => hear(message))
    expect(await store.retry({ jobId: "a", token }, "the lane died", counted)).toBe("queued")
    expect(await heard).toBe("queued:m")
    subscriber.destroy()
    expect(idsOf(await store.claim(claimOf({ max: 2 })))).toEqual(["a"])
  })

  it("is a success again when its reply was lost, and counts once", async () => {
    await store.retry({ jobId: "a", token }, "the lane died", counted)
    expect(await store.retry({ jobId: "a", token }, "the lane died", counted)).toBe("queued")
    expect(await store.read("a")).toMatchObject({ state: "queued", attempts: 1 })
  })

  it("after the last attempt brings the job to the dead letters with the reason", async () => {
    await store.retry({ jobId: "a", token }, "the lane died", counted)
    await store.claim(claimOf({ token: "t2" }))
    expect(await store.retry({ jobId: "a", token: "t2" }, "it took too long", counted)).toBe("dead")
    // Its reply may be lost.
    expect(await store.retry({ jobId: "a", token: "t2" }, "it took too long", counted)).toBe("dead")
    expect(await store.read("a")).toMatchObject({
      state: "failed",
      error: { code: "attempts_exhausted", message: expect.stringContaining("it took too long") },
    })
    expect((await dump()).dead).toEqual(["a"])
  })

  it("without counting leaves the job as if it had never been claimed", async () => {
    expect(await store.retry({ jobId: "a", token }, "leaving", { nowMs: T0, counts: false })).toBe("queued")
    expect(await store.read("a")).toMatchObject({ state: "queued", attempts: 0 })
    expect(await store.read("a")).not.toHaveProperty("startedMs")
    const late = await store.claim(claimOf({ nowMs: T0 + DEADLINE_MS + 1 }))
    expect(idsOf(late)).toEqual([])
    expect(await store.read("a")).toMatchObject({ state: "failed", error: { code: "deadline_exceeded" } })
  })

  it("after finish() by the same worker is refused", async () => {
    await store.finish({ jobId: "a", token }, success(), T0)
    expect(await store.retry({ jobId: "a", token }, "the lane died", counted)).toBe("lost")
    expect(await store.read("a")).toMatchObject({ state: "succeeded" })
  })
})

describe("cancel()", () => {
  it("takes a job that waits out of the queue at once", async () => {
    await submit(store, jobOf("a"))
    await submit(store, jobOf("b"))
    expect(await store.cancel("a", T0 + 1)).toMatchObject({ status: "withdrawn", job: { state: "canceled" } })
    expect(await store.read("a")).toMatchObject({ state: "canceled", finishedMs: T0 + 1 })
    expect((await dump()).payloadIds).toEqual(new Set(["b-bytes"]))
    expect(idsOf(await store.claim(claimOf({ max: 2 })))).toEqual(["b"])
  })

  it("tells the lane of a job that is worked on, and drops its result", async () => {
    await submit(store, jobOf("a"))
    await store.claim(claimOf({ token: "t" }))
    const subscriber = harness.client.duplicate()
    await subscriber.connect()
    let hear: (message: string) => void = () => undefined
    const heard = new Promise<string>((resolve) => {
      hear = resolve
    })
    await subscriber.subscribe(harness.keys.wakeChannel, (message) => hear(message))
    expect(await store.cancel("a", T0)).toMatchObject({ status: "withdrawn" })
    expect(await heard).toBe("canceled:a")
    subscriber.destroy()
    expect(await store.finish({ jobId: "a", token: "t" }, success(), T0)).toBe(false)
    expect(await store.renew([{ jobId: "a", token: "t" }], T0)).toHaveLength(1)
    expect(await store.read("a")).toMatchObject({ state: "canceled" })
  })

  it("repeated is the same success", async () => {
    await submit(store, jobOf("a"))
    await store.cancel("a", T0)
    expect(await store.cancel("a", T0 + 9)).toMatchObject({ status: "withdrawn", job: { finishedMs: T0 } })
  })

  it("of a finished job changes nothing, of none finds none", async () => {
    await submit(store, jobOf("a"))
    await store.claim(claimOf({ token: "t" }))
    await store.finish({ jobId: "a", token: "t" }, success(), T0)
    expect(await store.cancel("a", T0)).toMatchObject({ status: "finished", job: { state: "succeeded" } })
    expect(await store.read("a")).toMatchObject({ state: "succeeded" })
    expect(await store.cancel("nobody", T0)).toEqual({ status: "missing", job: null })
  })

  it("of a job that waits for its second attempt counts it out once", async () => {
    await submit(store, jobOf("a"))
    await store.claim(claimOf())
    await store.claim(claimOf({ nowMs: LATER, reclaims: true, queues: ["other"] }))
    expect(await store.cancel("a", LATER)).toMatchObject({ status: "withdrawn" })
    expect((await dump()).counters.get("n")).toBe("0")
  })
})

describe("expire()", () => {
  it("fails a job that waits", async () => {
    await submit(store, jobOf("a"))
    expect(await store.expire("a", T0 + 7)).toMatchObject({ status: "withdrawn" })
    expect(await store.read("a")).toMatchObject({
      state: "failed",
      finishedMs: T0 + 7,
      error: { code: "deadline_exceeded" },
    })
    expect(await store.expire("a", T0 + 9)).toMatchObject({ status: "withdrawn", job: { finishedMs: T0 + 7 } })
  })

  it("leaves alone what was started, also when it waits again", async () => {
    await submit(store, jobOf("a"))
    await store.claim(claimOf())
    expect(await store.expire("a", T0)).toMatchObject({ status: "started", job: { state: "processing" } })
    await store.claim(claimOf({ nowMs: LATER, reclaims: true, queues: ["other"] }))
    expect(await store.expire("a", LATER)).toMatchObject({ status: "started", job: { state: "queued" } })
  })
})
