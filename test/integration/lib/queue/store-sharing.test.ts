import { beforeEach, describe, expect, it } from "vitest"
import type { Services } from "../../../../src/edge/services.ts"
import { readJob } from "../../../../src/edge/tickets/watch-ticket.ts"
import type { Outcome } from "../../../../src/lib/queue/claim.ts"
import type { Job } from "../../../../src/lib/queue/job.ts"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"
import type { NewJob } from "../../../../src/lib/queue/new-job.ts"
import { resolveJob } from "../../../../src/lib/tickets/ticket.ts"
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
const sharing = (id: string, options: Partial<NewJob> = {}) => jobOf(id, { contentKey: "cats", ...options })
const token = "t"
const LATER = T0 + LEASE_MS + 1

/** A ticket's state, the way an edge reads it. */
async function stateOf(id: string): Promise<Job["state"] | "missing"> {
  const job = await store.read(id)
  if (job === null) return "missing"
  return resolveJob(job, job.leader === undefined ? null : await store.read(job.leader)).state
}
const statesOf = (...ids: string[]) => Promise.all(ids.map(stateOf))

describe("enqueue() of content that was answered", () => {
  beforeEach(async () => {
    await submit(store, sharing("a"))
    await store.claim(claimOf({ token }))
  })

  it("has the answer at once, and keeps no bytes", async () => {
    await store.finish({ jobId: "a", token }, success(), T0)
    expect(await submit(store, sharing("b", { createdMs: T0 + 60 }))).toMatchObject({
      status: "known",
      position: null,
      job: { id: "b", state: "succeeded", cached: true, finishedMs: T0 + 60, result: resultOf("cat") },
    })
    expect((await dump()).payloadIds.size).toBe(0)
    expect(idsOf(await store.claim(claimOf()))).toEqual([])
  })

  it("keeps the answer as long as any, and answers a repeat with the same ticket", async () => {
    store = harness.store({ resultTtlMs: 5_000 })
    await store.finish({ jobId: "a", token }, success(), T0)
    await submit(store, sharing("b"))
    expect(await harness.client.pTTL(harness.keys.job("b"))).toBeLessThanOrEqual(5_000)
    expect(await submit(store, sharing("b", { payloadId: "again" }))).toMatchObject({ status: "exists" })
    expect((await dump()).payloadIds.size).toBe(0)
  })

  it("does not learn another caller's answer, whatever its content key", async () => {
    await store.finish({ jobId: "a", token }, success(), T0)
    expect(await submit(store, sharing("b", { caller: "key:b" }))).toMatchObject({ status: "queued" })
  })

  it("infers again when the answer was a failure, and leads those that come after", async () => {
    await store.finish({ jobId: "a", token }, failure(), T0)
    expect(await submit(store, sharing("b"))).toMatchObject({ status: "queued" })
    expect(await submit(store, sharing("c"))).toMatchObject({ status: "following", job: { leader: "b" } })
  })

  it("infers again when the one who asked first has canceled", async () => {
    await store.cancel("a", T0)
    expect(await submit(store, sharing("b"))).toMatchObject({ status: "queued" })
  })

  it("infers again when the answer has expired", async () => {
    await store.finish({ jobId: "a", token }, success(), T0)
    await harness.client.del(harness.keys.job("a"))
    expect(await submit(store, sharing("b"))).toMatchObject({ status: "queued" })
  })
})

describe("enqueue() of content that a classifier with another version of the model has answered", () => {
  const ofV2 = (id: string) => sharing(id, { modelVersion: "v2" })
  const answeredBy = (modelVersion: string): Outcome => ({
    state: "succeeded",
    result: { ...resultOf("cat"), modelVersion },
  })
  /** Finishes with the job as it was claimed, and without. */
  const finish = async (id: string, outcome: Outcome, withJob: boolean) => {
    const { jobs } = await store.claim(claimOf({ token }))
    expect(jobs.map((job) => job.id)).toEqual([id])
    expect(await store.finish({ jobId: id, token, ...(withJob && jobs[0] && { job: jobs[0] }) }, outcome, T0)).toBe(
      true,
    )
  }

  it.each([true, false])("infers again, and knows the answer of the right version from then on", async (withJob) => {
    await submit(store, ofV2("a"))
    await finish("a", answeredBy("v1"), withJob)
    expect(await submit(store, ofV2("b"))).toMatchObject({ status: "queued", job: { id: "b" } })
    await finish("b", answeredBy("v2"), withJob)
    expect(await submit(store, ofV2("c"))).toMatchObject({
      status: "known",
      job: { cached: true, result: { modelVersion: "v2" } },
    })
    // And what is known is found by those that come after, too.
    expect(await submit(store, ofV2("d"))).toMatchObject({ status: "known" })
  })

  it("gives all who waited for it the answer that there is, and it alone says of which version it is", async () => {
    await submit(store, ofV2("a"))
    expect(await submit(store, ofV2("b"))).toMatchObject({ status: "following" })
    await finish("a", answeredBy("v1"), true)
    expect(await statesOf("a", "b")).toEqual(["succeeded", "succeeded"])
    expect(await submit(store, ofV2("c"))).toMatchObject({ status: "queued" })
  })

  it("asks for no version where the operation needs no model", async () => {
    await submit(store, sharing("a"))
    const { modelVersion: _none, ...result } = resultOf("cat")
    await finish("a", { state: "succeeded", result }, true)
    expect(await submit(store, sharing("b"))).toMatchObject({ status: "known" })
  })
})

describe("enqueue() of content that is on its way", () => {
  beforeEach(async () => {
    await submit(store, sharing("a"))
    expect(await submit(store, sharing("b"))).toMatchObject({ status: "following", job: { id: "b", leader: "a" } })
  })

  it("is inferred once for all, and ends with the work it shares", async () => {
    expect((await dump()).payloadIds).toEqual(new Set(["a-bytes"]))
    await store.claim(claimOf({ token, max: 5 }))
    expect(await submit(store, sharing("c"))).toMatchObject({ status: "following" })
    expect(await statesOf("a", "b", "c")).toEqual(["processing", "processing", "processing"])
    await store.finish({ jobId: "a", token }, success(), T0)
    expect(await statesOf("a", "b", "c")).toEqual(["succeeded", "succeeded", "succeeded"])
  })

  it("fails with the work it shares", async () => {
    await store.claim(claimOf({ token }))
    await store.finish({ jobId: "a", token }, failure(), T0)
    expect(await statesOf("a", "b")).toEqual(["failed", "failed"])
  })

  it("answers a repeat with the same ticket, and counts it once", async () => {
    expect(await submit(store, sharing("b", { payloadId: "again" }))).toMatchObject({
      status: "exists",
      job: { id: "b" },
    })
    expect(await submit(store, sharing("a", { payloadId: "again" }))).toMatchObject({
      status: "exists",
      job: { id: "a" },
    })
    expect((await dump()).jobs.get("a")?.followers).toBe(1)
  })

  it("is not refused by a full queue: it adds nothing to it", async () => {
    expect(await submit(harness.store({ maxDepth: 1 }), sharing("c"))).toMatchObject({ status: "following" })
  })

  it("reads its answer as long as its ticket lives", async () => {
    await store.claim(claimOf({ token }))
    await store.finish({ jobId: "a", token }, success(), T0)
    const [leaderMs, followerMs] = await Promise.all(["a", "b"].map((id) => harness.client.pTTL(harness.keys.job(id))))
    expect(leaderMs).toBeGreaterThanOrEqual((followerMs ?? 0) - 5_000)
  })

  it("also when its worker finishes with the job as it was claimed, by other limits than the edge's", async () => {
    const classifier = harness.store({ resultTtlMs: 3_000 })
    const { jobs } = await classifier.claim(claimOf({ token }))
    await submit(store, sharing("c", { maxAttempts: 9, createdMs: T0 - 3_000, deadlineMs: T0 + DEADLINE_MS - 3_000 }))
    expect(await classifier.finish({ jobId: "a", token, ...(jobs[0] && { job: jobs[0] }) }, success(), T0)).toBe(true)
    const lives = await Promise.all(["a", "b", "c"].map((id) => harness.client.pTTL(harness.keys.job(id))))
    expect(lives[0]).toBeGreaterThanOrEqual(Math.max(...lives) - 100)
  })

  it("is gone with the work that it shares, and not queued again", async () => {
    await store.claim(claimOf({ token }))
    await store.finish({ jobId: "a", token }, success(), T0)
    await harness.client.del(harness.keys.job("a"))
    expect(await readJob({ store, now: () => T0 + 2 * DEADLINE_MS } as Services, "b")).toBeNull()
    expect((await dump()).jobs.get("b")).toMatchObject({ state: "queued" })
    await harness.client.del(harness.keys.job("b"))
  })

  it("also when the work went to the dead letters and was dropped there", async () => {
    for (let nowMs = T0; (await dump()).dead.length === 0; nowMs += LEASE_MS + 1) {
      await store.claim(claimOf({ nowMs, reclaims: true }))
    }
    await harness.operator().dropDead("a")
    const [leaderMs, followerMs] = await Promise.all(["a", "b"].map((id) => harness.client.pTTL(harness.keys.job(id))))
    expect(leaderMs).toBeGreaterThanOrEqual((followerMs ?? 0) - 5_000)
  })

  it("makes the work, its bytes and its record wait as long as its own deadline asks", async () => {
    const day = 86_400_000
    await submit(store, sharing("c", { deadlineMs: T0 + day }))
    expect(await harness.client.pTTL(harness.keys.payload("a-bytes"))).toBeGreaterThan(day)
    expect(await harness.client.pTTL(harness.keys.job("a"))).toBeGreaterThan(2 * day)
    expect(idsOf(await store.claim(claimOf({ nowMs: T0 + day - 1 })))).toEqual(["a"])
  })

  describe("cancel()", () => {
    it("of one that follows leaves the others alone", async () => {
      await submit(store, sharing("c"))
      expect(await store.cancel("b", T0)).toMatchObject({ status: "withdrawn", job: { state: "canceled" } })
      expect(await store.cancel("b", T0)).toMatchObject({ status: "withdrawn" })
      expect(await statesOf("a", "b", "c")).toEqual(["queued", "canceled", "queued"])
      await store.claim(claimOf({ token }))
      await store.finish({ jobId: "a", token }, success(), T0)
      expect(await statesOf("a", "b", "c")).toEqual(["succeeded", "canceled", "succeeded"])
    })

    it("of the one that leads leaves its followers the work", async () => {
      expect(await store.cancel("a", T0)).toMatchObject({ status: "withdrawn" })
      expect(await store.cancel("a", T0)).toMatchObject({ status: "withdrawn" })
      expect(await statesOf("a", "b")).toEqual(["canceled", "queued"])
      expect(idsOf(await store.claim(claimOf({ token })))).toEqual(["a"])
      expect(await store.finish({ jobId: "a", token }, success(), T0)).toBe(true)
      expect(await statesOf("a", "b")).toEqual(["canceled", "succeeded"])
    })

    it("of the last one stops the work while it waits", async () => {
      await store.cancel("a", T0)
      await store.cancel("b", T0)
      expect(await statesOf("a", "b")).toEqual(["canceled", "canceled"])
      expect(idsOf(await store.claim(claimOf()))).toEqual([])
      expect((await dump()).payloadIds.size).toBe(0)
    })

    it("of the last one stops the work while it is worked on", async () => {
      await store.claim(claimOf({ token }))
      await store.cancel("b", T0)
      expect(await stateOf("a")).toBe("processing")
      await store.cancel("a", T0)
      expect(await store.finish({ jobId: "a", token }, success(), T0)).toBe(false)
      expect(await statesOf("a", "b")).toEqual(["canceled", "canceled"])
    })

    it("of one whose shared work has finished changes nothing", async () => {
      await store.claim(claimOf({ token }))
      await store.finish({ jobId: "a", token }, success(), T0)
      expect(await store.cancel("b", T0)).toMatchObject({ status: "finished" })
      expect(await stateOf("b")).toBe("succeeded")
    })
  })

  it("expire() of one ticket leaves the other, and its work", async () => {
    expect(await store.expire("b", T0 + DEADLINE_MS + 1)).toMatchObject({ status: "withdrawn" })
    expect(await statesOf("a", "b")).toEqual(["queued", "failed"])
    expect(await store.expire("a", T0 + DEADLINE_MS + 1)).toMatchObject({ status: "withdrawn" })
    expect((await dump()).queues.size).toBe(0)
  })

  it("expire() leaves alone what has started for all", async () => {
    await store.claim(claimOf({ token }))
    expect(await store.expire("b", T0 + DEADLINE_MS + 1)).toMatchObject({ status: "started" })
  })

  it("is tried again with the work it shares", async () => {
    await store.claim(claimOf({ token }))
    expect(idsOf(await store.claim(claimOf({ nowMs: LATER, reclaims: true, token: "t2" })))).toEqual(["a"])
    await store.finish({ jobId: "a", token: "t2" }, success(), LATER)
    expect(await statesOf("a", "b")).toEqual(["succeeded", "succeeded"])
  })
})

describe("a repeat under other content", () => {
  it("does not make its first job answer for that content", async () => {
    await submit(store, sharing("a"))
    await submit(store, jobOf("a", { contentKey: "dogs", payloadId: "dog-bytes" }))
    expect(await submit(store, jobOf("d", { contentKey: "dogs" }))).toMatchObject({ status: "queued" })
  })

  it("of a follower whose work has failed leads nobody", async () => {
    await submit(store, sharing("a"))
    await submit(store, sharing("b"))
    await store.claim(claimOf({ token }))
    await store.finish({ jobId: "a", token }, failure(), T0)
    await submit(store, sharing("b", { payloadId: "again" }))
    expect(await submit(store, sharing("c"))).toMatchObject({ status: "queued" })
  })

  it("of a follower whose content was forgotten leads nobody", async () => {
    await submit(store, sharing("a"))
    await submit(store, sharing("b"))
    await harness.client.del(harness.keys.content("cats"))
    await submit(store, sharing("b", { payloadId: "again" }))
    expect(await submit(store, sharing("c"))).toMatchObject({ status: "queued" })
  })

  it("leaves the content that its first job leads as it is", async () => {
    await submit(store, sharing("a"))
    await submit(store, sharing("a", { payloadId: "again" }))
    expect(await submit(store, sharing("b"))).toMatchObject({ status: "following", job: { leader: "a" } })
  })
})
