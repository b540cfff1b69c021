import { beforeEach, describe, expect, it, onTestFinished } from "vitest"
import type { Claim } from "../../../../src/lib/queue/claim.ts"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"
import type { Operator } from "../../../../src/lib/queue/operator.ts"
import { readQueueStats } from "../../../../src/lib/queue/queue-stats.ts"
import { Registry } from "../../../../src/lib/queue/registry.ts"
import { billFor } from "../../../support/store/billing.ts"
import { claimOf, failure, idsOf, jobOf, LEASE_MS, submit, success, T0 } from "../../../support/store/store-harness.ts"
import { useStore } from "../../../support/store/use-store.ts"

const harness = useStore()
let store: JobStore
let operator: Operator
let heard: string[]

beforeEach(() => {
  store = harness.store()
  operator = harness.operator()
  heard = []
})

const claim = (options: Partial<Claim> = {}) =>
  store.claim(claimOf({ queues: ["m", "other", "m@url"], max: 8, ...options }))
const put = async (...ids: string[]) => {
  for (const id of ids) await submit(store, jobOf(id, { model: id.startsWith("o") ? "other" : "m" }))
}
const putUrl = (id: string) => {
  const { image: _none, ...input } = jobOf(id).input
  const { payloadId: _bytes, ...job } = jobOf(id, { queue: "m@url" })
  return store.enqueue({
    ...job,
    queue: "m@url",
    input: { ...input, source: { kind: "url", url: "https://pictures.example/" } },
  })
}
/** What is published meanwhile. */
async function listen() {
  const listener = harness.client.duplicate()
  await listener.connect()
  onTestFinished(() => listener.destroy())
  await listener.subscribe(harness.keys.wakeChannel, (message) => heard.push(message))
}

describe("a paused model", () => {
  it("is claimed by nobody, uploads and images at URLs, while other models go on; until it is resumed", async () => {
    await put("a", "b")
    await putUrl("u")
    await operator.pause("m")
    await put("c", "o")
    const { jobs, status, empty } = await claim({ max: 2 })
    expect([jobs.map(({ id }) => id), status]).toEqual([["o"], "empty"])
    // As good as empty: nobody asks again before something is heard of it.
    expect(empty.toSorted()).toEqual(["m", "m@url", "other"])
    expect((await harness.dump()).queues.get("m")?.map(({ id }) => id)).toEqual(["a", "b", "c"])
    await listen()
    await operator.resume("m")
    await expect.poll(() => heard).toEqual(["queued"])
    expect(idsOf(await claim())).toEqual(["a", "b", "c", "u"])
  })

  it("stays paused whatever passes, beside a pause of all and limits of others", async () => {
    await put("a")
    expect(await operator.limit("other", { concurrency: 2 })).toEqual({ other: { concurrency: 2 } })
    await operator.pause("m")
    await operator.pause()
    expect(await operator.limits()).toEqual({
      isPaused: true,
      models: { other: { concurrency: 2 }, m: { paused: true } },
    })
    expect(await claim()).toMatchObject({ status: "paused", jobs: [] })
    await operator.resume()
    await put("o")
    expect(idsOf(await claim())).toEqual(["o"])
    expect(await harness.client.ttl(harness.keys.counters)).toBe(-1)
    await operator.limit("other", { concurrency: false })
    expect(await harness.client.ttl(harness.keys.counters)).toBe(-1)
    await operator.resume("m")
    expect(await harness.client.ttl(harness.keys.counters)).toBeGreaterThan(0)
    expect(await operator.limits()).toEqual({ isPaused: false, models: {} })
    expect(idsOf(await claim())).toEqual(["a"])
  })

  it("is said by the statistics of the queue", async () => {
    await operator.pause("m")
    await operator.limit("m", { concurrency: 3 })
    await put("a", "o")
    const registry = new Registry(harness.redis, harness.keys)
    const { others, paused } = await readQueueStats(harness, { models: [], workers: [] }, T0)
    expect([paused, others]).toEqual([false, []])
    const served = { version: "1", name: "", inputWidth: 1, inputHeight: 1, labels: 1 }
    await registry.enroll(
      ["m", "other"].map((id) => ({ ...served, id })),
      T0,
    )
    const { models } = await readQueueStats(harness, await registry.read(), T0)
    expect(models).toMatchObject([
      { id: "m", depth: 1, paused: true, concurrency: 3 },
      { id: "other", depth: 1, paused: false, concurrency: null },
    ])
  })
})

describe("a model's concurrency", () => {
  it("bounds what is worked on over all classifiers, uploads and images at URLs together; lanes take other models", async () => {
    await operator.limit("m", { concurrency: 2 })
    await putUrl("u")
    await put("a", "b", "c", "o1", "o2")
    expect(idsOf(await claim({ max: 3, worker: "v" })).toSorted()).toEqual(["a", "b", "o1"])
    const second = await claim({ max: 3, worker: "w" })
    expect([idsOf(second), second.status]).toEqual([["o2"], "empty"])
    await operator.limit("m", { concurrency: 3 })
    expect(idsOf(await claim({ worker: "x" }))).toEqual(["c"])
    await operator.limit("m", { concurrency: 4 })
    await put("d")
    expect((await claim({ worker: "x" })).jobs).toHaveLength(1)
    expect(idsOf(await claim({ worker: "x" }))).toEqual([])
  })

  it.each<[string, (token: string) => Promise<unknown>]>([
    ["succeeds", (token) => store.finish({ jobId: "a", token }, success(), T0)],
    ["fails", (token) => store.finish({ jobId: "a", token }, failure(), T0)],
    ["is canceled", () => store.cancel("a", T0)],
    ["is given back", (token) => store.retry({ jobId: "a", token }, "bye", { nowMs: T0, counts: false })],
    ["dies", (token) => store.retry({ jobId: "a", token }, "bye", { nowMs: T0, counts: true, aside: true })],
    [
      "waits for its next attempt",
      (token) => store.retry({ jobId: "a", token }, "?", { nowMs: T0, counts: true, delayMs: 9_000 }),
    ],
  ])("has room again when a job %s, and classifiers that sleep hear of it", async (_how, end) => {
    await operator.limit("m", { concurrency: 1 })
    await put("a", "b")
    expect(idsOf(await claim({ token: "t" }))).toEqual(["a"])
    expect(idsOf(await claim())).toEqual([])
    await listen()
    await end("t")
    await expect.poll(() => heard).toContain("queued:m")
    expect((await claim()).jobs).toHaveLength(1)
    expect((await claim()).jobs).toHaveLength(0)
  })

  it.each<[string, (token: string) => Promise<unknown>]>([
    ["ends", (token) => store.finish({ jobId: "a", token }, success(), T0)],
    ["is given back", (token) => store.retry({ jobId: "a", token }, "bye", { nowMs: T0, counts: false })],
    ["loses its lease", () => claim({ queues: ["other"], nowMs: T0 + LEASE_MS + 1, reclaims: true })],
  ])("when an upload %s, classifiers hear that an image at a URL has room, too", async (_how, end) => {
    await operator.limit("m", { concurrency: 1 })
    await put("a")
    await claim({ token: "t" })
    await putUrl("u")
    expect((await claim()).empty).toContain("m@url")
    await listen()
    await end("t")
    await expect.poll(() => heard).toContain("queued:m@url")
  })

  it("has room again when a classifier that died loses its lease, and never for two", async () => {
    await operator.limit("m", { concurrency: 1 })
    await put("a", "b")
    await claim()
    const afterMs = T0 + LEASE_MS + 1
    expect((await claim({ nowMs: afterMs, reclaims: true })).jobs).toHaveLength(1)
    expect((await claim({ nowMs: afterMs, reclaims: true })).jobs).toHaveLength(0)
  })

  it("counts what was worked on before it was set, and wakes who waits for its end", async () => {
    await put("a", "b", "c")
    const [job] = (await claim({ max: 2, token: "t" })).jobs
    await operator.limit("m", { concurrency: 2 })
    expect(idsOf(await claim())).toEqual([])
    await listen()
    await store.finish({ jobId: "a", token: "t", ...(job && { job }) }, success(), T0)
    await expect.poll(() => heard).toContain("queued:m")
    expect(idsOf(await claim())).toEqual(["c"])
  })

  it("that is lowered stops nothing, and is kept from then on; taken away, it is none", async () => {
    await operator.limit("m", { concurrency: 3 })
    await put("a", "b", "c", "d")
    await claim({ token: "t" })
    await operator.limit("m", { concurrency: 1 })
    for (const jobId of ["a", "b", "c"]) {
      expect(idsOf(await claim()), jobId).toEqual([])
      await store.finish({ jobId, token: "t" }, success(), T0)
    }
    await put("e")
    expect((await claim()).jobs).toHaveLength(1)
    await operator.limit("m", { concurrency: false })
    expect((await claim()).jobs).toHaveLength(1)
  })

  it("is for jobs that still have time: a late one at the head of the queue holds none of it up", async () => {
    await operator.limit("m", { concurrency: 1 })
    await submit(store, jobOf("late", { deadlineMs: T0 + 1 }))
    await put("a")
    const nowMs = T0 + 2
    expect(await claim({ nowMs })).toMatchObject({ jobs: [], status: "more", empty: ["other", "m@url"] })
    expect(idsOf(await claim({ nowMs }))).toEqual(["a"])
  })

  it("a claim whose reply was lost takes no second place", async () => {
    await operator.limit("m", { concurrency: 1 })
    await put("a", "b")
    const lost = claimOf({ max: 4 })
    expect(idsOf(await store.claim(lost))).toEqual(["a"])
    expect(idsOf(await store.claim({ ...lost, again: true }))).toEqual(["a"])
  })

  it("costs the jobs of other models no command", async () => {
    harness.auditing = false
    await put("o1", "o2")
    const one = () => billFor(harness.client, () => claim({ queues: ["other"], max: 1 }))
    await one()
    await put("o3", "o4")
    const free = await one()
    await operator.limit("m", { concurrency: 1 })
    await operator.pause("n")
    expect(await one()).toEqual(free)
    await operator.resume("n")
  })
})
