import { beforeEach, describe, expect, it } from "vitest"
import { BatchStore } from "../../../../src/lib/batches/batch-store.ts"
import { findJobs, type JobFilter } from "../../../../src/lib/queue/find-jobs.ts"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"
import { createBatch, feedNext, lendOne, planOf } from "../../../support/store/batch-harness.ts"
import { billFor } from "../../../support/store/billing.ts"
import { claimOf, jobOf, submit, success, T0 } from "../../../support/store/store-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../../../support/store/store-limits.ts"
import { useStore } from "../../../support/store/use-store.ts"

const harness = useStore()
let store: JobStore
beforeEach(() => {
  store = harness.store()
})

const MODELS = ["m", "n"]
type Page = Parameters<typeof findJobs>[2]
const pageOf = (filter: JobFilter, page: Partial<Page> = {}) => findJobs(harness, filter, { models: MODELS, ...page })
async function allOf(filter: JobFilter, limit = 100): Promise<string[]> {
  const ids: string[] = []
  let pages = 0
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await pageOf(filter, { cursor, limit })
    expect(page.jobs.length).toBeLessThanOrEqual(limit)
    ids.push(...page.jobs.map(({ id }) => id))
    cursor = page.cursor
    if (++pages > 100) throw new Error("The pages do not end")
  }
  return ids
}
const die = async (id: string) => {
  await submit(store, jobOf(id, { maxAttempts: 1 }))
  await store.claim(claimOf({ token: `of-${id}` }))
  await store.retry({ jobId: id, token: `of-${id}` }, "it died", { nowMs: T0, counts: true })
}

describe("findJobs()", () => {
  it("finds what waits, is worked on and is dead, by state, model, caller and age, on pages of any size", async () => {
    // They die at one instant, and what is claimed together has leases that end together.
    for (const id of ["dead", "dead2"]) await die(id)
    for (const id of ["w1", "w2", "retried"]) await submit(store, jobOf(id))
    await store.claim(claimOf({ max: 3, token: "t" }))
    await store.retry({ jobId: "retried", token: "t" }, "?", { nowMs: T0, counts: true, delayMs: 60_000 })
    await submit(store, jobOf("done", { model: "n" }))
    await store.claim(claimOf({ queues: ["n"], token: "n" }))
    await store.finish({ jobId: "done", token: "n" }, success(), T0)
    for (const i of [1, 2, 3]) await submit(store, jobOf(`m${i}`, { createdMs: T0 + i * 1_000 }))
    await submit(store, jobOf("n1", { model: "n", caller: "key:b" }))

    const waiting = ["m1", "m2", "m3", "n1", "retried"]
    for (const limit of [1, 2, 100]) {
      expect(await allOf({ state: "queued" }, limit)).toEqual(waiting)
      expect(await allOf({ state: "processing" }, limit)).toEqual(["w1", "w2"])
      expect(await allOf({ state: "dead" }, limit)).toEqual(["dead", "dead2"])
      expect((await allOf({}, limit)).toSorted()).toEqual([...waiting, "w1", "w2", "dead", "dead2"].toSorted())
      expect(await allOf({ caller: "key:b" }, limit)).toEqual(["n1"])
      expect(await allOf({ model: "n" }, limit)).toEqual(["n1"])
      expect(await allOf({ state: "queued", caller: "key:a", createdUntilMs: T0 + 2_000 }, limit)).toEqual([
        "m1",
        "m2",
        "retried",
      ])
    }
    expect(await allOf({ model: "nobody's" })).toEqual([])
  })

  it("finds each once while others are claimed and submitted between the pages", async () => {
    harness.auditing = false
    for (let i = 10; i < 30; i++) await submit(store, jobOf(`j${i}`, { caller: i % 2 === 0 ? "key:a" : "key:b" }))
    const first = await pageOf({ caller: "key:a", state: "queued" }, { limit: 4 })
    await store.claim(claimOf({ max: 6 }))
    await submit(store, jobOf("late", { caller: "key:c" }))
    const rest = await pageOf({ caller: "key:a", state: "queued" }, { cursor: first.cursor ?? "" })
    const ids = [...first.jobs, ...rest.jobs].map(({ id }) => id)
    expect(ids).toEqual(["j10", "j12", "j14", "j16", "j18", "j20", "j22", "j24", "j26", "j28"])
  })

  it("looks at a bounded part of a queue, whatever matches, and goes on behind it", async () => {
    harness.auditing = false
    const crowd = harness.crowdStore()
    const put = (id: string, caller: string, weight = 1) => submit(crowd, jobOf(id, { caller, weight }))
    await Promise.all(Array.from({ length: 2_500 }, (_none, i) => put(`other-${i}`, "key:other")))
    // A caller's second job stands behind all others when its first one was that much work.
    for (const id of ["first", "last"]) await put(id, "key:mine", 1e-6)
    const pages: string[][] = []
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await pageOf({ caller: "key:mine", state: "queued" }, { cursor })
      pages.push(page.jobs.map(({ id }) => id))
      cursor = page.cursor
    }
    expect(pages).toEqual([["first"], [], ["last"]])
    const bill = await billFor(harness.client, () => pageOf({ caller: "key:nobody", state: "queued" }))
    // The script, the depths, and the places of one queue.
    expect(bill.commands).toEqual({ evalsha: 1, hmget: 1, zrange: 1 })
    expect((await pageOf({ caller: "key:nobody", state: "queued" })).cursor).not.toBeNull()
    expect(await allOf({ caller: "key:nobody" })).toEqual([])
    await harness.client.flushAll()
  })

  it("leaves rows of batches, and tickets that have withdrawn, to operators", async () => {
    const batches = new BatchStore(harness.redis, harness.keys, DEFAULT_STORE_LIMITS)
    await createBatch(batches, planOf("b", { pictures: 2 }))
    await feedNext(batches, (await lendOne(batches)) as never)
    await submit(store, jobOf("a", { contentKey: "cats" }))
    await submit(store, jobOf("follower", { contentKey: "cats" }))
    await store.cancel("a", T0)
    await submit(store, jobOf("c"))
    expect(await allOf({ caller: "key:a", single: true })).toEqual(["c"])
    expect((await allOf({ caller: "key:a" })).toSorted()).toEqual(["a", "b-0", "b-1", "c"])
  })

  it("refuses a cursor that is not of this list", async () => {
    for (const cursor of [
      "",
      "leases",
      "dead~1 ~0",
      "dead~1e~0",
      "dead~1e999~0",
      "leases~e~0",
      "leases~1~-1",
      "queue:other~1~0",
      "x~y~z",
      "dead~(1~0",
      "leases~1~1",
    ])
      await expect(pageOf({ state: "dead" }, { cursor }), cursor).rejects.toMatchObject({ code: "invalid_options" })
  })

  it("passes over a record that cannot be read", async () => {
    await submit(store, jobOf("a"))
    await submit(store, jobOf("b"))
    harness.auditing = false
    await harness.client.set(harness.keys.job("a"), "{")
    expect(await allOf({})).toEqual(["b"])
    await harness.client.flushAll()
  })
})
