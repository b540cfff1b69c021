import { beforeEach, describe, expect, it } from "vitest"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"
import { claimOf, failure, jobOf, resultOf, submit, success, T0 } from "../../../support/store/store-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../../../support/store/store-limits.ts"
import { useStore } from "../../../support/store/use-store.ts"

const harness = useStore()
let store: JobStore
beforeEach(() => {
  store = harness.store()
})

const { resultTtlMs, deadTtlMs } = DEFAULT_STORE_LIMITS
const WEEKS_LATER = T0 + 2 * deadTtlMs

/** Bytes that are counted at that time, of all or of one caller. */
async function kept(nowMs = T0, caller?: string): Promise<number> {
  const text = (await harness.dump()).counters.get(caller === undefined ? "kept" : `kept:${caller}`)
  const entries: number[] = JSON.parse(text ?? "[]")
  return entries.reduce(
    (sum, value, i) => (i % 2 === 1 && (entries[i - 1] ?? 0) * 1_000 > nowMs ? sum + value : sum),
    0,
  )
}

async function finishOne(id: string, outcome = success(), nowMs = T0): Promise<void> {
  const claimed = await store.claim(claimOf({ nowMs }))
  const job = claimed.jobs[0]
  expect(job?.id).toBe(id)
  await store.finish({ jobId: id, token: job?.leaseToken ?? "", ...(job && { job }) }, outcome, nowMs)
}

async function die(id: string, attempts = 3): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { jobs } = await store.claim(claimOf())
    await store.retry({ jobId: id, token: jobs[0]?.leaseToken ?? "" }, "a test", { nowMs: T0, counts: true })
  }
}

describe("what is kept after the work", () => {
  it("is counted for its caller until results expire, and then makes room", async () => {
    store = harness.store({ maxResultBytes: 9_000 })
    await submit(store, jobOf("a"))
    await finishOne("a")
    expect(await kept(T0, "key:a")).toBeGreaterThan(1_500)
    await submit(store, jobOf("b"))
    await expect(submit(store, jobOf("c"))).rejects.toMatchObject({ code: "caller_bytes_full", status: 429 })
    await submit(store, jobOf("d", { caller: "key:b" }))
    await submit(store, jobOf("e", { caller: "key:b" }))
    await expect(submit(store, jobOf("f", { caller: "key:c" }))).rejects.toMatchObject({
      code: "results_full",
      status: 503,
    })
    const laterMs = T0 + 2 * resultTtlMs
    expect(await submit(store, jobOf("g", { createdMs: laterMs }))).toMatchObject({ status: "queued" })
  })

  it("stops no work that was accepted before there was no room", async () => {
    await submit(store, jobOf("a"))
    store = harness.store({ maxResultBytes: 1 })
    await finishOne("a")
    expect(await store.read("a")).toMatchObject({ state: "succeeded" })
  })

  it.each(["queued", "succeeded"])("counts a ticket that shares work that is %s", async (state) => {
    await submit(store, jobOf("a", { contentKey: "c", modelVersion: "v1" }))
    if (state === "succeeded") await finishOne("a")
    const before = await kept()
    await submit(store, jobOf("b", { contentKey: "c", modelVersion: "v1" }))
    expect(await kept()).toBeGreaterThan(before + 1_500)
    store = harness.store({ maxResultBytes: 9_000 })
    const third = submit(store, jobOf("d", { contentKey: "c", modelVersion: "v1" }))
    await expect(third).rejects.toMatchObject({ code: "caller_bytes_full" })
  })

  it("counts a webhook's copy, and for a week the events that did not arrive", async () => {
    await submit(store, jobOf("a"))
    const once = await kept()
    await submit(store, jobOf("b", { webhookUrl: "https://a.example/" }))
    expect(await kept()).toBeGreaterThan(2.5 * once)
  })

  it("counts a result that is larger than expected when it is stored", async () => {
    await submit(store, jobOf("a"))
    const before = await kept()
    const scores = Array.from({ length: 1_000 }, (_, i) => i / 1_001)
    await finishOne("a", { state: "succeeded", result: { ...resultOf("cat"), scores } })
    expect(await kept()).toBeGreaterThan(before + 10_000)
  })

  it("counts the image of a dead letter as long as it is one", async () => {
    await submit(store, jobOf("a", { bytes: 50_000 }))
    await die("a")
    expect(await kept(T0 + deadTtlMs - 1, "key:a")).toBeGreaterThan(50_000)
    await harness.operator().retryDead("a", { nowMs: T0, deadlineMs: T0 + 3_600_000 })
    expect(await kept()).toBeLessThan(10_000)
    await die("a")
    expect(await kept()).toBeGreaterThan(50_000)
    await harness.operator().dropDead("a")
    expect(await kept()).toBeLessThan(10_000)
  })

  it("is forgotten, caller and all, once it is over", async () => {
    await submit(store, jobOf("a", { caller: "key:once" }))
    await finishOne("a", failure())
    for (let i = 0; i < 64; i++) {
      await submit(store, jobOf(`b${i}`, { createdMs: WEEKS_LATER, deadlineMs: WEEKS_LATER + 1_000 }))
      await finishOne(`b${i}`, failure(), WEEKS_LATER)
    }
    expect((await harness.dump()).counters.has("kept:key:once")).toBe(false)
  })
})
