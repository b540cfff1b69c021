import { describe, expect, it } from "vitest"
import { jobCost } from "../../../../src/lib/queue/job-cost.ts"
import { billFor } from "../../../support/store/billing.ts"
import { claimOf, jobOf, submit, success, T0 } from "../../../support/store/store-harness.ts"
import { useStore } from "../../../support/store/use-store.ts"

const rateLimit = { count: 3, windowMs: 60_000 }
const STEP_MS = 20_000

const harness = useStore()

const PNG = { format: "png", bytes: 3, orientation: 1 }
type Options = Parameters<typeof jobOf>[1]
const send = (id: string, options: Options = {}) => submit(harness.store(), jobOf(id, { rateLimit, ...options }))
const sendThree = async (options: Options = {}) => {
  for (const id of ["a", "b", "c"]) await send(id, options)
}
const refused = (retryAfterMs: number) => expect.objectContaining({ code: "rate_limited", retryAfterMs })
const stored = () => harness.client.keys("*")

describe("enqueue() with a rate limit", () => {
  it("takes as many as it says at once, then one each time the wait is over", async () => {
    await sendThree()
    await expect(send("d")).rejects.toEqual(refused(STEP_MS))
    await expect(send("d", { createdMs: T0 + STEP_MS - 1 })).rejects.toEqual(refused(1))
    expect((await send("d", { createdMs: T0 + STEP_MS })).status).toBe("queued")
    await expect(send("e", { createdMs: T0 + STEP_MS })).rejects.toEqual(refused(STEP_MS))
    expect((await send("e", { createdMs: T0 + 10 * STEP_MS })).rateResetMs).toBe(T0 + 11 * STEP_MS)
  })

  const heavy = { input: { ...jobOf("x").input, image: { ...PNG, width: 4_000, height: 3_000 } } }

  it("charges by the work: a picture that counts as three takes what three take", async () => {
    expect(jobCost(heavy.input)).toBe(3)
    expect(await send("a", heavy)).toMatchObject({ status: "queued", rateResetMs: T0 + 3 * STEP_MS })
    await expect(send("b")).rejects.toEqual(refused(STEP_MS))
    expect((await send("b", { createdMs: T0 + STEP_MS })).status).toBe("queued")
    const tooSoon = send("c", { ...heavy, createdMs: T0 + STEP_MS })
    await expect(tooSoon).rejects.toMatchObject({
      code: "rate_limited",
      retryAfterMs: 3 * STEP_MS,
      message: expect.stringMatching(/counts as 3$/),
    })
    expect((await send("c", { ...heavy, createdMs: T0 + 4 * STEP_MS })).status).toBe("queued")
  })

  it("takes a picture that costs more than a window when the window is whole, and all of it with it", async () => {
    const rateLimit = { count: 2, windowMs: 2 * STEP_MS }
    expect(await send("a", { ...heavy, rateLimit })).toMatchObject({ rateResetMs: T0 + 2 * STEP_MS })
    await expect(send("b", { ...heavy, rateLimit, createdMs: T0 + 1 })).rejects.toEqual(refused(2 * STEP_MS - 1))
    expect((await send("b", { ...heavy, rateLimit, createdMs: T0 + 2 * STEP_MS })).status).toBe("queued")
  })

  it("counts an answer that is shared or known as one, whatever the work behind it", async () => {
    const rateLimit = { count: 5, windowMs: 5 * STEP_MS }
    const options = { ...heavy, rateLimit, contentKey: "same" }
    expect(await send("a", options)).toMatchObject({ status: "queued", rateResetMs: T0 + 3 * STEP_MS })
    expect(await send("b", options)).toMatchObject({ status: "following", rateResetMs: T0 + 4 * STEP_MS })
    const [job] = (await harness.store().claim(claimOf())).jobs
    await harness.store().finish({ jobId: "a", token: job?.leaseToken ?? "" }, success(), T0)
    expect(await send("c", options)).toMatchObject({ status: "known", rateResetMs: T0 + 5 * STEP_MS })
    await expect(send("d", options)).rejects.toEqual(refused(STEP_MS))
  })

  it("says when the rate is unused again, and nothing where there is none", async () => {
    expect((await send("a")).rateResetMs).toBe(T0 + STEP_MS)
    expect((await send("b", { createdMs: T0 + 5 })).rateResetMs).toBe(T0 + 2 * STEP_MS)
    expect((await send("c", { rateLimit: null })).rateResetMs).toBeNull()
  })

  it("keeps nothing of what it refuses", async () => {
    await sendThree()
    const before = await stored()
    await expect(send("d", { contentKey: "k" })).rejects.toEqual(refused(STEP_MS))
    expect((await stored()).sort()).toEqual(before.sort())
  })

  it("answers a repeat with its first job, and charges it once", async () => {
    await sendThree()
    for (let i = 0; i < 5; i++) expect((await send("a")).status).toBe("exists")
    expect((await send("d", { createdMs: T0 + STEP_MS })).status).toBe("queued")
  })

  it("charges each caller for itself", async () => {
    await sendThree()
    await sendThree({ caller: "key:b" }).catch(() => undefined) // the ids are key:a's
    expect((await send("x", { caller: "key:b" })).status).toBe("queued")
    await expect(send("y")).rejects.toEqual(refused(STEP_MS))
  })

  it("charges for work that is shared and for answers that are known", async () => {
    const contentKey = "same"
    await send("a", { contentKey })
    expect((await send("b", { contentKey })).status).toBe("following")
    const [job] = (await harness.store().claim(claimOf())).jobs
    await harness.store().finish({ jobId: "a", token: job?.leaseToken ?? "" }, success(), T0)
    expect(await send("c", { contentKey })).toMatchObject({ status: "known", rateResetMs: T0 + 3 * STEP_MS })
    const before = await stored()
    await expect(send("d", { contentKey })).rejects.toEqual(refused(STEP_MS))
    expect((await stored()).sort()).toEqual(before.sort())
    expect((await send("c", { contentKey, payloadId: "c-again" })).status).toBe("exists")
  })

  it("does not charge for what the queue has no room for", async () => {
    const full = harness.store({ maxDepth: 0 })
    for (const id of ["a", "b", "c", "d"]) {
      await expect(submit(full, jobOf(id, { rateLimit }))).rejects.toMatchObject({ code: "queue_full" })
    }
    await sendThree()
  })

  it("shuts nobody out because an edge's clock once ran an hour ahead", async () => {
    await sendThree({ createdMs: T0 + 3_600_000 })
    for (const id of ["d", "e", "f"]) expect((await send(id)).status).toBe("queued")
    await expect(send("g")).rejects.toEqual(refused(STEP_MS))
  })

  it("gives nothing away because the clocks of two edges are seconds apart", async () => {
    await sendThree({ createdMs: T0 + 5_000 })
    await expect(send("d")).rejects.toEqual(refused(STEP_MS + 5_000))
    await expect(send("d", { createdMs: T0 + STEP_MS })).rejects.toEqual(refused(5_000))
    expect((await send("d", { createdMs: T0 + STEP_MS + 5_000 })).status).toBe("queued")
  })

  it("holds when submits come at the same time", async () => {
    const ids = Array.from({ length: 12 }, (_value, i) => `j${i}`)
    const outcomes = await Promise.allSettled(ids.map((id) => send(id)))
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(3)
  })

  it("forgets a rate that is unused again", async () => {
    const rates = async () =>
      (await harness.client.hKeys(harness.keys.counters)).filter((name) => name.startsWith("r:"))
    for (let i = 0; i < 40; i++) await send(`old-${i}`, { caller: `ip:192.0.2.${i}`, rateLimit })
    expect(await rates()).toHaveLength(40)
    const laterMs = T0 + 600_000
    for (let i = 0; i < 80; i++) await send(`new-${i}`, { caller: "key:b", createdMs: laterMs, rateLimit: null })
    for (let i = 0; i < 120; i++) await harness.store().claim(claimOf({ nowMs: laterMs }))
    expect(await rates()).toEqual([])
  })

  it("counts what is charged alone with the rest, and leaves a TTL", async () => {
    const store = harness.store()
    const charge = (nowMs: number) => store.charge("key:a", rateLimit, nowMs)
    expect(await charge(T0)).toEqual({ rateResetMs: T0 + STEP_MS })
    await send("a")
    expect(await charge(T0)).toEqual({ rateResetMs: T0 + 3 * STEP_MS })
    await expect(charge(T0)).rejects.toEqual(refused(STEP_MS))
    await expect(send("b")).rejects.toEqual(refused(STEP_MS))
    expect(await store.charge("key:b", rateLimit, T0)).toEqual({ rateResetMs: T0 + STEP_MS })
    await harness.operator().pause()
    await store.charge("key:c", rateLimit, T0)
    expect(await harness.client.ttl(harness.keys.counters)).toBe(-1)
  })

  it("costs no command", async () => {
    harness.auditing = false
    for (const id of ["w1", "w2"]) await send(id, { rateLimit: null })
    const without = await billFor(harness.client, () => send("w3", { rateLimit: null }))
    await send("r1")
    expect(await billFor(harness.client, () => send("r2"))).toEqual(without)
  })
})

describe("enqueue() with a depth of the caller's own", () => {
  it("holds the caller to it, whatever holds for others", async () => {
    const store = harness.store({ maxDepthPerCaller: 2 })
    const put = (id: string, options: Options = {}) => submit(store, jobOf(id, options))
    await put("a", { maxDepth: 1 })
    const error = { code: "caller_queue_full", message: expect.stringContaining("1 of yours are waiting") }
    await expect(put("b", { maxDepth: 1 })).rejects.toMatchObject(error)
    for (const id of ["b", "c", "d"]) await put(id, { maxDepth: 4 })
    await expect(put("e")).rejects.toMatchObject({ code: "caller_queue_full" })
  })
})
