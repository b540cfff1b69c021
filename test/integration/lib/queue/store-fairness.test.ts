import { beforeEach, describe, expect, it } from "vitest"
import { jobCost, unpaidShare } from "../../../../src/lib/queue/job-cost.ts"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"
import type { NewJob } from "../../../../src/lib/queue/new-job.ts"
import { auditStore } from "../../../support/store/store-audit.ts"
import { claimOf, idsOf, jobOf, submit, success, T0 } from "../../../support/store/store-harness.ts"
import { useStore } from "../../../support/store/use-store.ts"

const harness = useStore({ isAudited: false })
let store: JobStore

beforeEach(async () => {
  store = harness.crowdStore()
})

const { dump } = harness
let created = 0

async function submitMany(caller: string, count: number, options: Partial<NewJob> = {}): Promise<void> {
  for (let left = count; left > 0; left -= 50) {
    await Promise.all(Array.from({ length: Math.min(left, 50) }, () => submitOne(caller, options)))
  }
}

async function submitOne(caller: string, options: Partial<NewJob> = {}): Promise<string> {
  const id = `${caller}-${String(++created).padStart(6, "0")}`
  await submit(store, jobOf(id, { caller, ...options }))
  return id
}

/** Claims and finishes so many jobs, one after the other; returns whose they were, in order. */
async function serve(count: number): Promise<string[]> {
  const callers: string[] = []
  for (let i = 0; i < count; i++) {
    const claim = claimOf()
    for (const job of (await store.claim(claim)).jobs) {
      callers.push(job.caller)
      await store.finish({ jobId: job.id, token: claim.token }, success(), T0)
    }
  }
  return callers
}

/** A large PNG, which counts as so many ordinary pictures. */
const HEAVY = {
  ...jobOf("heavy").input,
  image: { format: "png", width: 5_000, height: 5_000, bytes: 3, orientation: 1 },
}
const COST = jobCost(HEAVY)

const countOf = (callers: string[], caller: string) => callers.filter((each) => each === caller).length

describe("the fair queue", { timeout: 120_000 }, () => {
  it("claims a lone job behind another caller's 5,000 within a handful", async () => {
    await submitMany("a", 5_000)
    await serve(20)
    const id = await submitOne("b")
    const place = (await dump()).queues.get("m")?.findIndex((waiting) => waiting.id === id)
    expect(place).toBeLessThanOrEqual(2)
    expect(await serve(3)).toContain("b")
    await auditStore(harness.client, harness.keys)
  })

  it("takes turns between callers that all wait", async () => {
    await submitMany("a", 30)
    await submitMany("b", 20)
    await submitMany("c", 10)
    const first = await serve(30)
    expect(["a", "b", "c"].map((caller) => countOf(first, caller))).toEqual([10, 10, 10])
  })

  it("gives weights of 3 and 1 turns of 3 to 1", async () => {
    await submitMany("light", 40, { weight: 1 })
    await submitMany("heavy", 40, { weight: 3 })
    const served = await serve(40)
    expect(countOf(served, "heavy")).toBeGreaterThanOrEqual(29)
    expect(countOf(served, "heavy")).toBeLessThanOrEqual(31)
  })

  it("gives a caller of expensive pictures turns by their work, not by their number", async () => {
    await submitMany("heavy", 30, { input: HEAVY })
    await submitMany("light", 60)
    const served = await serve(40)
    const [heavy, light] = [countOf(served, "heavy"), countOf(served, "light")]
    expect(Math.abs(light - COST * heavy)).toBeLessThanOrEqual(COST + 1)
  })

  it("charges a caller of URLs what its pictures turn out to be, as soon as they were seen", async () => {
    const { image, ...unseen } = HEAVY
    const unpaid = unpaidShare(HEAVY.operation, image)
    const input = { ...unseen, source: { kind: "url" as const, url: "https://a.example/large.png" } }
    const served: string[] = []
    await submitMany("light", 60)
    for (let i = 0; i < 40; i++) {
      if (!(await dump()).queues.get("m")?.some(({ caller }) => caller === "heavy")) await submitOne("heavy", { input })
      const claim = claimOf()
      for (const job of (await store.claim(claim)).jobs) {
        served.push(job.caller)
        const lease = { jobId: job.id, token: claim.token, job, ...(job.caller === "heavy" && { unpaid }) }
        expect([await store.finish(lease, success(), T0), await store.finish(lease, success(), T0)]).toEqual([
          true,
          true,
        ])
      }
    }
    const [heavy, light] = [countOf(served, "heavy"), countOf(served, "light")]
    expect(heavy).toBeGreaterThan(1)
    expect(Math.abs(light - COST * heavy)).toBeLessThanOrEqual(COST + 1)
    await auditStore(harness.client, harness.keys)
  })

  it("counts the work of both by the weights of their callers", async () => {
    await submitMany("heavy", 30, { input: HEAVY, weight: COST })
    await submitMany("light", 30)
    expect(countOf(await serve(20), "heavy")).toBe(10)
  })

  it("counts work by its cost and its caller's weight when a dead letter is sent again, and when it moves to another model", async () => {
    const finishIn = async (queue: string) => Number((await dump()).counters.get(`f:${queue}:heavy`) ?? 0)
    const id = await submitOne("heavy", { input: HEAVY, weight: 2, maxAttempts: 1 })
    const submitted = await finishIn("m")
    expect(submitted).toBeCloseTo(COST / 2, 2)
    const claim = claimOf()
    await store.claim(claim)
    await store.retry({ jobId: id, token: claim.token }, "the lane died", { nowMs: T0, counts: true })
    await harness.operator().retryDead(id, { nowMs: T0, deadlineMs: T0 + 1_000 })
    expect((await finishIn("m")) - submitted).toBeCloseTo(COST / 2, 2)
    await harness.operator().moveWaiting("m", { queue: "other", model: "other" }, T0)
    expect(await finishIn("other")).toBeCloseTo(COST / 2, 2)
  })

  it("serves a caller that waits for each answer as often as one with a backlog", async () => {
    await submitMany("backlog", 60)
    const served: string[] = []
    await submitOne("loop")
    while (served.length < 40) {
      const [caller = "none"] = await serve(1)
      served.push(caller)
      if (caller === "loop") await submitOne("loop")
    }
    expect(countOf(served, "loop")).toBeGreaterThanOrEqual(18)
    expect(countOf(served, "backlog")).toBeGreaterThanOrEqual(18)
  })

  it("lets no crowd of newcomers hold up a caller's second job for ever", async () => {
    await submitMany("patient", 2)
    const served: string[] = []
    for (let i = 0; i < 1_200 && countOf(served, "patient") < 2; i++) {
      await submitOne(`new${i}`)
      served.push(...(await serve(1)))
    }
    expect(countOf(served, "patient")).toBe(2)
  })

  it("serves newcomers in the order in which they came, whatever their ids", async () => {
    await submitOne("first")
    const order = ["z", "y", "x", "w", "v"]
    for (const id of order) await submit(store, jobOf(id, { caller: id }))
    await serve(1)
    expect(await serve(5)).toEqual(order)
  })

  it("gives a caller that rested no credit, and keeps no grudge", async () => {
    await submitMany("busy", 30)
    await serve(30)
    await submitMany("busy", 10)
    await submitMany("rested", 10)
    const first = await serve(10)
    expect(countOf(first, "rested")).toBeGreaterThanOrEqual(4)
    expect(countOf(first, "busy")).toBeGreaterThanOrEqual(4)
  })

  it("never turns its virtual time back", async () => {
    const virtualTime = async () => Number((await dump()).counters.get("v:m") ?? 0)
    let last = 0
    for (let round = 0; round < 30; round++) {
      await submitMany(round % 3 === 0 ? "a" : `b${round}`, 1 + (round % 4), { weight: 1 + (round % 2) })
      const claim = claimOf({ max: 1 + (round % 3), nowMs: T0 + round * 20_000, reclaims: true })
      const [id] = idsOf(await store.claim(claim))
      // Every third is given up, and comes back at its old place, behind the virtual time.
      if (id !== undefined && round % 3 !== 0) await store.finish({ jobId: id, token: claim.token }, success(), T0)
      const now = await virtualTime()
      expect(now).toBeGreaterThanOrEqual(last)
      last = now
    }
    expect(last).toBeGreaterThan(0)
  })

  it("keeps models apart: a long queue of one costs nothing in the other", async () => {
    await submitMany("a", 50, { model: "x" })
    await submitMany("b", 2)
    const id = await submitOne("a")
    expect(idsOf(await store.claim(claimOf({ max: 3 })))).toContain(id)
  })

  it("forgets callers that are gone, also when each came once and the queue never ran empty", async () => {
    await submitMany("backlog", 3)
    for (let i = 0; i < 600; i++) {
      await submitOne(`once${i}`)
      await serve(1)
    }
    await serve(3)
    for (let i = 0; i < 300; i++) {
      await submitOne("regular")
      await serve(1)
    }
    const left = [...(await dump()).counters.keys()].filter((name) => /^[fd]:.*once/.test(name))
    expect(left).toEqual([])
  })

  it("forgets them as fast as they come when many are claimed at once", async () => {
    for (let i = 0; i < 60; i++) {
      await Promise.all(Array.from({ length: 16 }, (_, j) => submitOne(`once${i}-${j}`)))
      await store.claim(claimOf({ max: 16 }))
    }
    // What is kept of theirs is counted as long as it is kept.
    const names = [...(await dump()).counters.keys()].filter((name) => !name.startsWith("kept:"))
    expect(names.length).toBeLessThan(700)
  })
})
