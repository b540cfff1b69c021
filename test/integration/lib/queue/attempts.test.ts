import { beforeEach, describe, expect, it } from "vitest"
import type { Retry } from "../../../../src/lib/queue/claim.ts"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"
import { resolveJob, toTicket } from "../../../../src/lib/tickets/ticket.ts"
import { claimOf, failure, idsOf, jobOf, LEASE_MS, submit, success, T0 } from "../../../support/store/store-harness.ts"
import { useStore } from "../../../support/store/use-store.ts"

const harness = useStore()
let store: JobStore

beforeEach(() => {
  store = harness.store()
})

const at = (ms: number) => new Date(T0 + ms).toISOString()

async function ticketOf(id: string) {
  const job = await store.read(id)
  if (job === null) throw new Error(`${id} is gone`)
  return toTicket(resolveJob(job, job.leader === undefined ? null : await store.read(job.leader)), null)
}
const historyOf = async (id: string) => (await ticketOf(id)).attempt_history

/** An attempt of `a` that begins `ms` after T0 and is given back a second later. */
async function failAttempt(ms: number, how: Partial<Retry> = {}): Promise<void> {
  const token = `t${ms}`
  await store.claim(claimOf({ token, worker: `w${ms}`, nowMs: T0 + ms, reclaims: true }))
  const stands = await store.retry({ jobId: "a", token }, "the lane died", {
    nowMs: T0 + ms + 1_000,
    counts: true,
    ...how,
  })
  expect(stands).not.toBe("lost")
}

describe("attempt_history of a ticket", () => {
  beforeEach(async () => {
    await submit(store, jobOf("a"))
  })

  it("is absent when the first attempt succeeded", async () => {
    const [job] = (await store.claim(claimOf({ token: "t" }))).jobs
    await store.finish({ jobId: "a", token: "t", ...(job && { job }) }, success(), T0)
    expect(await historyOf("a")).toBeUndefined()
  })

  it("has each attempt with its classifier and reason, the one that succeeded too", async () => {
    await failAttempt(0)
    await store.claim(claimOf({ token: "lost", worker: "w2", nowMs: T0 + 2_000 }))
    const nowMs = T0 + 2_000 + LEASE_MS
    const [job] = (await store.claim(claimOf({ token: "t", worker: "w3", nowMs, reclaims: true }))).jobs
    const before = [
      { attempt: 1, started_at: at(0), ended_at: at(1_000), classifier: "w0", reason: "the lane died" },
      {
        attempt: 2,
        started_at: at(2_000),
        ended_at: at(2_000 + LEASE_MS),
        classifier: "w2",
        reason: "the lease of w2 ran out",
      },
    ]
    expect(await historyOf("a")).toEqual(before)
    await store.finish({ jobId: "a", token: "t", ...(job && { job }) }, success(), nowMs + 50)
    const last = { attempt: 3, started_at: at(2_000 + LEASE_MS), ended_at: at(2_050 + LEASE_MS), classifier: "w3" }
    expect(await historyOf("a")).toEqual([...before, last])
  })

  it("says which classifier failed a job, and why", async () => {
    await store.claim(claimOf({ token: "t", worker: "w1" }))
    await store.finish({ jobId: "a", token: "t" }, failure(), T0 + 5)
    const attempt = { attempt: 1, started_at: at(0), ended_at: at(5), classifier: "w1", reason: "It is damaged" }
    expect(await historyOf("a")).toEqual([attempt])
  })

  it("has the attempts of a dead letter, until it is sent again", async () => {
    for (const ms of [0, 10_000, 20_000]) await failAttempt(ms)
    expect((await historyOf("a"))?.map(({ attempt, classifier }) => [attempt, classifier])).toEqual([
      [1, "w0"],
      [2, "w10000"],
      [3, "w20000"],
    ])
    await harness.operator().retryDead("a", { nowMs: T0 + 30_000, deadlineMs: T0 + 90_000 })
    expect(await historyOf("a")).toBeUndefined()
  })

  it("leaves out an attempt that does not count", async () => {
    await failAttempt(0, { counts: false })
    expect(await historyOf("a")).toBeUndefined()
    await failAttempt(10_000)
    expect((await historyOf("a"))?.map(({ attempt }) => attempt)).toEqual([1])
  })

  it("keeps the latest ten", async () => {
    await submit(store, jobOf("many", { maxAttempts: 30, queue: "@inspect" }))
    for (let i = 1; i <= 12; i++) {
      const lease = { jobId: "many", token: `t${i}` }
      await store.claim(claimOf({ ...lease, queues: ["@inspect"], nowMs: T0 + i }))
      await store.retry(lease, "the lane died", { nowMs: T0 + i, counts: true })
    }
    expect((await historyOf("many"))?.map(({ attempt }) => attempt)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  })

  it("stays as it was for a ticket whose shared work died, when that is sent again", async () => {
    await harness.reset()
    await submit(store, jobOf("a", { contentKey: "cats" }))
    await submit(store, jobOf("b", { contentKey: "cats" }))
    for (const ms of [0, 10_000, 20_000]) await failAttempt(ms)
    const before = await ticketOf("b")
    expect(before.attempt_history).toHaveLength(3)
    await harness.operator().retryDead("a", { nowMs: T0 + 30_000, deadlineMs: T0 + 90_000 })
    await failAttempt(40_000)
    expect(await ticketOf("b")).toEqual(before)
  })

  it("stays as it was for a ticket that was canceled while its work went on for another", async () => {
    await harness.reset()
    await submit(store, jobOf("a", { contentKey: "cats" }))
    await submit(store, jobOf("b", { contentKey: "cats" }))
    await failAttempt(0)
    await store.cancel("a", T0 + 2_000)
    const before = await ticketOf("a")
    expect(before).toMatchObject({ status: "canceled", attempt_history: [{ attempt: 1 }] })
    await failAttempt(10_000)
    expect(await ticketOf("a")).toEqual(before)
    expect((await historyOf("b"))?.map(({ attempt }) => attempt)).toEqual([1, 2])
  })

  it("is absent where a release that does not write it has tried the job", async () => {
    await store.claim(claimOf({ token: "t" }))
    const key = harness.keys.job("a")
    const record = JSON.parse((await harness.client.get(key)) ?? "")
    delete record.claimedMs
    await harness.client.set(key, JSON.stringify(record), { KEEPTTL: true })
    await store.finish({ jobId: "a", token: "t" }, failure(), T0 + 5)
    expect(await ticketOf("a")).toMatchObject({ status: "failed", attempts: 1 })
    expect(await historyOf("a")).toBeUndefined()
  })
})

describe("the wait between two attempts", () => {
  const DELAY_MS = 8_000
  const DUE_MS = T0 + 1_000 + DELAY_MS

  beforeEach(async () => {
    await submit(store, jobOf("a"))
    await failAttempt(0, { delayMs: DELAY_MS })
  })

  it("keeps the job from being claimed, and says when it ends", async () => {
    const early = await store.claim(claimOf({ nowMs: DUE_MS - 1, reclaims: true }))
    expect(early).toMatchObject({ jobs: [], status: "empty", nextLeaseEndMs: DUE_MS, reclaimed: [] })
    const due = await store.claim(claimOf({ nowMs: DUE_MS, reclaims: true }))
    expect(idsOf(due)).toEqual(["a"])
    // Nobody's lease ran out.
    expect(due.reclaimed).toEqual([])
    expect(due.jobs[0]?.attempts).toBe(2)
  })

  it("shows the ticket as queued, with the instant of the next attempt", async () => {
    const job = await store.read("a")
    expect(job).toMatchObject({ state: "queued", attempts: 1, retryMs: DUE_MS })
    const wait = { etaMs: null, pollAfterMs: 1, position: null, classifiers: 1 }
    expect(job && toTicket(job, wait).queue?.retry_at).toBe(new Date(DUE_MS).toISOString())
  })

  it("gives the job its old place, before what came meanwhile", async () => {
    await submit(store, jobOf("b", { createdMs: T0 + 2_000 }))
    expect(idsOf(await store.claim(claimOf({ max: 1, nowMs: DUE_MS, reclaims: true })))).toEqual(["a"])
  })

  it("holds up nobody else", async () => {
    await submit(store, jobOf("b", { createdMs: T0 + 2_000 }))
    expect(idsOf(await store.claim(claimOf({ nowMs: T0 + 2_000, reclaims: true })))).toEqual(["b"])
  })

  it("is no wait after the last attempt, nor twice when the reply is lost", async () => {
    const lease = { jobId: "a", token: "t0" }
    expect(await store.retry(lease, "the lane died", { nowMs: T0 + 1_000, counts: true, delayMs: DELAY_MS })).toBe(
      "queued",
    )
    expect((await harness.dump()).leases).toHaveLength(1)
    await failAttempt(20_000, { delayMs: DELAY_MS })
    await failAttempt(40_000, { delayMs: DELAY_MS })
    expect(await store.read("a")).toMatchObject({ state: "failed", error: { code: "attempts_exhausted" } })
    expect((await harness.dump()).leases).toEqual([])
  })

  it("ends with a cancel, which leaves nothing behind", async () => {
    expect((await store.cancel("a", T0 + 2_000)).status).toBe("withdrawn")
    expect((await harness.dump()).leases).toEqual([])
    expect(idsOf(await store.claim(claimOf({ nowMs: DUE_MS, reclaims: true })))).toEqual([])
  })

  it("goes on while the queue is paused, and its job is claimed when it is resumed", async () => {
    await harness.operator().pause()
    expect(await store.claim(claimOf({ nowMs: DUE_MS, reclaims: true }))).toMatchObject({ jobs: [], status: "paused" })
    await harness.operator().resume()
    expect(idsOf(await store.claim(claimOf({ nowMs: DUE_MS })))).toEqual(["a"])
  })

  it("is not cut short by the deadline: the job was started in time", async () => {
    expect((await store.expire("a", T0 + 4_000_000)).status).toBe("started")
    expect(idsOf(await store.claim(claimOf({ nowMs: T0 + 4_000_000, reclaims: true })))).toEqual(["a"])
  })
})
