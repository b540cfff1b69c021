import { beforeEach, describe, expect, it } from "vitest"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"
import type { NewJob } from "../../../../src/lib/queue/new-job.ts"
import { createSealer } from "../../../../src/lib/redis/sealed-bytes.ts"
import { resolveJob, toTicket } from "../../../../src/lib/tickets/ticket.ts"
import { webhookEventOf } from "../../../../src/lib/webhooks/delivery.ts"
import { DELIVERY_LEASE_MS, Outbox, type Recorded, type Take, type Taken } from "../../../../src/lib/webhooks/outbox.ts"
import { WebhookSettingsStore } from "../../../../src/lib/webhooks/webhook-settings.ts"
import { billFor } from "../../../support/store/billing.ts"
import { auditStore } from "../../../support/store/store-audit.ts"
import {
  claimOf,
  DEADLINE_MS,
  failure,
  jobOf,
  LEASE_MS,
  submit,
  success,
  T0,
} from "../../../support/store/store-harness.ts"
import { useStore } from "../../../support/store/use-store.ts"

const URL_A = "https://a.example/hook?token=t"
const DAY_MS = 86_400_000

const harness = useStore()
let store: JobStore
let outbox: Outbox

beforeEach(async () => {
  store = harness.store()
  outbox = new Outbox(harness.redis, harness.keys, { resultTtlMs: DAY_MS })
})

const { dump } = harness
const told = (id: string, options: Partial<NewJob> = {}) => jobOf(id, { webhookUrl: URL_A, ...options })
const sharing = (id: string, options: Partial<NewJob> = {}) => told(id, { contentKey: "cats", ...options })

let takes = 0
const takeOf = (options: Partial<Take> = {}): Take => ({
  nowMs: T0 + 1_000,
  leaseMs: DELIVERY_LEASE_MS,
  token: `take-${++takes}`,
  max: 16,
  perReceiver: 16,
  capacity: {},
  ...options,
})

/** What each ticket has to tell, by its id: one word per event. */
async function events(): Promise<Record<string, string[]>> {
  const { deliveries } = await dump()
  const names = [...deliveries.keys()].sort()
  const read = await Promise.all(names.map((id) => outbox.read(id)))
  return Object.fromEntries(
    names.map((id, i) => [id, (read[i]?.events ?? []).map((event) => webhookEventOf(event).data.status)]),
  )
}

async function finish(id: string, outcome = success(), nowMs = T0): Promise<void> {
  const token = `of-${id}`
  const claimed = await store.claim(claimOf({ token, nowMs }))
  expect(claimed.jobs.map((job) => job.id)).toEqual([id])
  expect(await store.finish({ jobId: id, token }, outcome, nowMs)).toBe(true)
}

async function takeOne(options: Partial<Take> = {}): Promise<Taken> {
  const { entries } = await outbox.take(takeOf(options))
  expect(entries).toHaveLength(1)
  return entries[0] as Taken
}

const attempt = { atMs: T0 + 1_000, durationMs: 12 }
const bad = { ...attempt, status: 500, error: { code: "bad_status", message: "The receiver answered 500" } }
const receipt: Recorded = { attempt: { ...attempt, status: 204 }, nowMs: T0 + 1_012, outcome: "delivered" }
const retryAt = (dueMs: number): Recorded => ({ attempt: bad, nowMs: T0 + 1_012, outcome: "retry", dueMs })
const lost: Recorded = { attempt: bad, nowMs: T0 + 1_012, outcome: "given_up" }

describe("the script that ends a ticket posts its webhook:", () => {
  it("succeeded and failed, by the classifier", async () => {
    await submit(store, told("a"))
    await submit(store, told("b"))
    await finish("a")
    await finish("b", failure())
    expect(await events()).toEqual({ a: ["succeeded"], b: ["failed"] })
  })

  it("once, although the outcome is sent twice", async () => {
    await submit(store, told("a"))
    await finish("a")
    expect(await store.finish({ jobId: "a", token: "of-a" }, success(), T0 + 5)).toBe(true)
    expect(await store.finish({ jobId: "a", token: "another" }, success(), T0 + 5)).toBe(false)
    expect(await events()).toEqual({ a: ["succeeded"] })
  })

  it("canceled while it waits, and while it is worked on", async () => {
    await submit(store, told("a"))
    await submit(store, told("b"))
    await store.cancel("b", T0 + 1)
    await store.claim(claimOf({ token: "t" }))
    await store.cancel("a", T0 + 2)
    await store.cancel("a", T0 + 3)
    expect(await store.finish({ jobId: "a", token: "t" }, success(), T0 + 4)).toBe(false)
    expect(await events()).toEqual({ a: ["canceled"], b: ["canceled"] })
  })

  it("past its deadline, found by a reader or by a claim", async () => {
    await submit(store, told("a"))
    await submit(store, told("b"))
    const late = T0 + DEADLINE_MS + 1
    await store.expire("a", late)
    await store.claim(claimOf({ nowMs: late }))
    expect(await events()).toEqual({ a: ["failed"], b: ["failed"] })
  })

  it("dead after its last attempt, whether given back or reaped", async () => {
    await submit(store, told("a", { maxAttempts: 1 }))
    await store.claim(claimOf({ token: "t" }))
    await store.retry({ jobId: "a", token: "t" }, "the lane died", { nowMs: T0, counts: true })
    await submit(store, told("b", { maxAttempts: 1 }))
    await store.claim(claimOf())
    await store.claim(claimOf({ nowMs: T0 + LEASE_MS + 1, reclaims: true }))
    expect(await events()).toEqual({ a: ["failed"], b: ["failed"] })
  })

  it("not for an attempt that is tried again", async () => {
    await submit(store, told("a"))
    await store.claim(claimOf({ token: "t" }))
    await store.retry({ jobId: "a", token: "t" }, "the lane died", { nowMs: T0, counts: true })
    expect(await events()).toEqual({})
  })

  it("a second event when a dead letter is sent again, and the first one stays", async () => {
    await submit(store, told("a", { maxAttempts: 1 }))
    await store.claim(claimOf({ token: "t" }))
    await store.retry({ jobId: "a", token: "t" }, "the lane died", { nowMs: T0, counts: true })
    await harness.operator().retryDead("a", { nowMs: T0 + 5, deadlineMs: T0 + DEADLINE_MS })
    await finish("a", success(), T0 + 10)
    expect(await events()).toEqual({ a: ["failed", "succeeded"] })
    const { entries } = await outbox.take(takeOf())
    expect(entries.map(({ eventId }) => eventId)).toEqual([`msg_a_${T0}`, `msg_a_${T0 + 10}`])
  })

  it("events of one ticket have names of their own, although it ends twice in the same millisecond", async () => {
    await submit(store, told("a", { maxAttempts: 1 }))
    for (const token of ["t", "u", "v"]) {
      if (token !== "t") await harness.operator().retryDead("a", { nowMs: T0, deadlineMs: T0 + DEADLINE_MS })
      await store.claim(claimOf({ token }))
      await store.retry({ jobId: "a", token }, "the lane died", { nowMs: T0, counts: true })
    }
    const { entries } = await outbox.take(takeOf())
    expect(entries.map(({ eventId }) => eventId)).toEqual([`msg_a_${T0}`, `msg_a_${T0 + 1}`, `msg_a_${T0 + 2}`])
  })

  it("of an answer that was known", async () => {
    await submit(store, sharing("a"))
    await finish("a")
    expect(await submit(store, sharing("b", { createdMs: T0 + 7 }))).toMatchObject({ status: "known" })
    await submit(store, sharing("b", { createdMs: T0 + 8, payloadId: "again" }))
    expect(await events()).toEqual({ a: ["succeeded"], b: ["succeeded"] })
    const delivery = await outbox.read("b")
    expect(delivery?.events.map((event) => webhookEventOf(event).data)).toMatchObject([{ id: "cls_b", cached: true }])
  })

  it("for nobody who asked for none", async () => {
    await submit(store, jobOf("a", { contentKey: "cats" }))
    await submit(store, jobOf("b", { contentKey: "cats" }))
    await finish("a")
    await submit(store, jobOf("c", { contentKey: "cats" }))
    await submit(store, jobOf("d"))
    await store.cancel("d", T0)
    const { deliveries, lines, outbox: receivers } = await dump()
    expect([deliveries.size, lines.size, receivers.size]).toEqual([0, 0, 0])
  })

  it("whatever its URL is: the result is stored all the same", async () => {
    await submit(store, told("a", { webhookUrl: "no URL at all" }))
    harness.auditing = false
    await finish("a")
    expect(await store.read("a")).toMatchObject({ state: "succeeded" })
    await harness.reset()
  })
})

describe("tickets that share their work", () => {
  /** A ticket as an edge shows it. */
  async function ticketOf(id: string) {
    const job = await store.read(id)
    if (job === null) throw new Error(`There is no ${id}`)
    return toTicket(resolveJob(job, job.leader === undefined ? null : await store.read(job.leader)), null)
  }

  it("are told each for itself when it ends, in the very words of its ticket", async () => {
    await submit(store, sharing("a", { webhookUrl: "https://a.example/" }))
    await submit(store, sharing("b", { webhookUrl: "https://b.example/", createdMs: T0 + 3 }))
    await submit(store, jobOf("c", { contentKey: "cats" }))
    await finish("a", success(), T0 + 10)
    expect(await events()).toEqual({ a: ["succeeded"], b: ["succeeded"] })
    for (const id of ["a", "b"]) {
      const delivery = await outbox.read(id)
      expect(delivery?.url).toBe(`https://${id}.example/`)
      expect(delivery?.events.map((event) => webhookEventOf(event).data)).toEqual([await ticketOf(id)])
    }
    expect([...(await dump()).outbox.keys()].sort()).toEqual(["https://a.example", "https://b.example"])
  })

  it("are told when the one that leads has no webhook", async () => {
    await submit(store, jobOf("a", { contentKey: "cats" }))
    await submit(store, sharing("b"))
    await finish("a", failure())
    expect(await events()).toEqual({ b: ["failed"] })
  })

  it("one that leaves is told of its leaving, and of nothing after", async () => {
    await submit(store, sharing("a"))
    await submit(store, sharing("b"))
    await submit(store, sharing("c"))
    await store.cancel("a", T0 + 1)
    await store.cancel("b", T0 + 2)
    expect(await events()).toEqual({ a: ["canceled"], b: ["canceled"] })
    await finish("a", success(), T0 + 5)
    expect(await events()).toEqual({ a: ["canceled"], b: ["canceled"], c: ["succeeded"] })
  })

  it("the last one that leaves stops the work, and nobody is told twice", async () => {
    await submit(store, sharing("a"))
    await submit(store, sharing("b"))
    await store.cancel("a", T0 + 1)
    await store.cancel("b", T0 + 2)
    expect(await events()).toEqual({ a: ["canceled"], b: ["canceled"] })
  })

  it("all of them are told of a death, and the dead letter's own ticket again when it has its answer", async () => {
    await submit(store, sharing("a", { maxAttempts: 1 }))
    await submit(store, sharing("b"))
    await store.claim(claimOf({ token: "t" }))
    await store.retry({ jobId: "a", token: "t" }, "the lane died", { nowMs: T0, counts: true })
    expect(await events()).toEqual({ a: ["failed"], b: ["failed"] })
    await harness.operator().retryDead("a", { nowMs: T0 + 5, deadlineMs: T0 + DEADLINE_MS })
    await finish("a", success(), T0 + 10)
    expect(await events()).toEqual({ a: ["failed", "succeeded"], b: ["failed"] })
  })

  it("so many that a script would be long are work of their own", async () => {
    harness.auditing = false
    for (let i = 0; i < 40; i++) await submit(store, sharing(`j${String(i).padStart(2, "0")}`))
    const { jobs } = await auditStore(harness.client, harness.keys)
    const leaders = [...jobs.values()].filter(({ leader }) => leader === undefined).map(({ id }) => id)
    expect(leaders.sort()).toEqual(["j00", "j33"])
    harness.auditing = true
    await finish("j00")
    await finish("j33")
    expect(Object.values(await events())).toEqual(Array.from({ length: 40 }, () => ["succeeded"]))
  })
})

describe("take()", () => {
  it("hands out what is due under a lease, once, and again when the lease has ended", async () => {
    await submit(store, told("a"))
    await finish("a")
    expect((await outbox.take(takeOf({ nowMs: T0 - 1 }))).entries).toEqual([])
    const taken = await takeOne({ token: "t" })
    expect(taken).toMatchObject({ eventId: `msg_a_${T0}`, receiver: "https://a.example", token: "t" })
    expect(await outbox.take(takeOf())).toEqual({ entries: [], nextDueMs: T0 + 1_000 + DELIVERY_LEASE_MS })
    await takeOne({ nowMs: T0 + 1_000 + DELIVERY_LEASE_MS })
  })

  it("says when the next is due, and that there is more", async () => {
    for (const id of ["a", "b", "c"]) {
      await submit(store, told(id))
      await finish(id)
    }
    const first = await outbox.take(takeOf({ max: 2 }))
    expect(first.entries).toHaveLength(2)
    expect(first.nextDueMs).toBeLessThanOrEqual(T0 + 1_000)
    const rest = await outbox.take(takeOf({ max: 2 }))
    expect(rest.entries).toHaveLength(1)
    expect(rest.nextDueMs).toBe(T0 + 1_000 + DELIVERY_LEASE_MS)
  })

  it("takes of each receiver what it has room for, and passes over one that has none", async () => {
    for (const [i, id] of ["a", "b", "c", "d"].entries()) {
      await submit(store, told(id, { webhookUrl: i < 3 ? URL_A : "https://b.example/" }))
      await finish(id)
    }
    const receivers = async (options: Partial<Take>) =>
      (await outbox.take(takeOf(options))).entries.map(({ receiver }) => receiver)
    expect(await receivers({ perReceiver: 1 })).toEqual(["https://a.example", "https://b.example"])
    expect(await receivers({ capacity: { "https://a.example": 0 } })).toEqual([])
    expect(await receivers({ capacity: { "https://a.example": 1 } })).toEqual(["https://a.example"])
  })

  it("does not ask to look again for a receiver that has no room", async () => {
    for (const id of ["a", "b"]) {
      await submit(store, told(id))
      await finish(id)
    }
    expect((await outbox.take(takeOf({ perReceiver: 1 }))).nextDueMs).toBe(null)
    expect((await outbox.take(takeOf({ capacity: { "https://a.example": 0 } }))).nextDueMs).toBe(null)
  })

  it("looks past any number of receivers without room, and of lines that are over", async () => {
    harness.auditing = false
    for (let i = 0; i < 30; i++) {
      const id = `j${String(i).padStart(2, "0")}`
      await submit(store, told(id, { webhookUrl: `https://r${id}.example/`, createdMs: T0 + i }))
      await finish(id, success(), T0 + i)
    }
    const over = (await outbox.take(takeOf({ max: 10 }))).entries
    for (const taken of over) await outbox.record(taken, receipt)
    const capacity = Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`https://rj${10 + i}.example`, 0]))
    const nowMs = T0 + 1_000 + DELIVERY_LEASE_MS
    let found: string[] = []
    for (let looks = 0; found.length === 0 && looks < 3; looks++) {
      const { entries, nextDueMs } = await outbox.take(takeOf({ nowMs, max: 4, capacity }))
      found = entries.map(({ receiver }) => receiver)
      expect(nextDueMs).toBeLessThanOrEqual(nowMs)
    }
    expect(found.sort()).toEqual([25, 26, 27, 28].map((i) => `https://rj${i}.example`))
  })

  it("drops an entry whose record is gone", async () => {
    await submit(store, told("a"))
    await finish("a")
    await harness.client.del([harness.keys.delivery("a"), harness.keys.job("a")])
    expect((await outbox.take(takeOf())).entries).toEqual([])
    expect((await dump()).lines.size).toBe(0)
  })
})

describe("record()", () => {
  beforeEach(async () => {
    await submit(store, told("a"))
    await finish("a")
  })
  const eventOf = async (id: string) => (await outbox.read(id))?.events.at(-1)

  it("a receipt ends it, and what it was is kept as long as a result", async () => {
    expect(await outbox.record(await takeOne(), receipt)).toBe(true)
    expect(await eventOf("a")).toMatchObject({ state: "delivered", attempts: [{ status: 204, durationMs: 12 }] })
    expect((await outbox.take(takeOf({ nowMs: T0 + 100 * DAY_MS }))).entries).toEqual([])
    expect((await dump()).lines.size).toBe(0)
    expect(await harness.client.pTTL(harness.keys.delivery("a"))).toBeLessThanOrEqual(DAY_MS)
  })

  it("a failure is tried again when its time has come, and not before", async () => {
    expect(await outbox.record(await takeOne(), retryAt(T0 + 6_000))).toBe(true)
    expect(await eventOf("a")).toMatchObject({ state: "pending", tries: 1, dueMs: T0 + 6_000, attempts: [bad] })
    expect(await outbox.take(takeOf({ nowMs: T0 + 5_999 }))).toEqual({ entries: [], nextDueMs: T0 + 6_000 })
    expect((await takeOne({ nowMs: T0 + 6_000 })).event.tries).toBe(1)
  })

  it("what failed and is tried again is listed, in a deliverer's hand too, and no longer once it has arrived", async () => {
    expect(await outbox.listRetried()).toEqual([])
    const first = await takeOne()
    await outbox.record(first, retryAt(T0 + 6_000))
    const listed = [{ eventId: first.eventId, delivery: { jobId: "a", url: URL_A }, event: { dueMs: T0 + 6_000 } }]
    expect(await outbox.listRetried()).toMatchObject(listed)
    const again = await takeOne({ nowMs: T0 + 6_000 })
    expect(await outbox.listRetried()).toMatchObject([{ eventId: first.eventId }])
    await outbox.record(again, receipt)
    expect(await outbox.listRetried()).toEqual([])
  })

  it("the same again changes nothing", async () => {
    const taken = await takeOne()
    for (let i = 0; i < 3; i++) expect(await outbox.record(taken, retryAt(T0 + 6_000))).toBe(true)
    expect(await eventOf("a")).toMatchObject({ tries: 1, attempts: [bad] })
  })

  it("of one whose lease is lost is written down and decides nothing, unless it arrived", async () => {
    const slow = await takeOne()
    const fast = await takeOne({ nowMs: T0 + 1_000 + DELIVERY_LEASE_MS })
    expect(await outbox.record(slow, lost)).toBe(false)
    expect(await eventOf("a")).toMatchObject({ state: "pending", tries: 0, attempts: [bad] })
    expect(await outbox.record(slow, lost)).toBe(true)
    expect((await eventOf("a"))?.attempts).toHaveLength(1)
    expect(await outbox.record(fast, retryAt(T0 + 100_000))).toBe(true)
    expect(await eventOf("a")).toMatchObject({ state: "pending", tries: 1 })
  })

  it("a receipt counts, although the lease was lost meanwhile: it is not sent again", async () => {
    const slow = await takeOne()
    const fast = await takeOne({ nowMs: T0 + 1_000 + DELIVERY_LEASE_MS })
    expect(await outbox.record(slow, receipt)).toBe(false)
    expect(await outbox.record(fast, retryAt(T0 + 100_000))).toBe(true)
    expect(await eventOf("a")).toMatchObject({ state: "delivered", attempts: [{ status: 204 }, { status: 500 }] })
    expect((await outbox.take(takeOf({ nowMs: T0 + DAY_MS }))).entries).toEqual([])
  })

  it.each(["gone", "given_up"] as const)("what is %s is listed, can be sent again, and dropped", async (outcome) => {
    const taken = await takeOne()
    await outbox.record(taken, { ...lost, outcome })
    expect(await outbox.countUndelivered()).toBe(1)
    expect(await outbox.listUndelivered()).toMatchObject([
      { eventId: taken.eventId, sinceMs: T0 + 1_012, delivery: { jobId: "a", url: URL_A }, event: { state: outcome } },
    ])
    expect((await outbox.take(takeOf({ nowMs: T0 + DAY_MS }))).entries).toEqual([])

    await outbox.resend("a", { nowMs: T0 + 5_000, eventId: taken.eventId })
    expect(await outbox.countUndelivered()).toBe(0)
    const again = await takeOne({ nowMs: T0 + 5_000 })
    expect(again.event).toMatchObject({ id: taken.eventId, state: "pending", tries: 0, attempts: [bad] })
    await outbox.record(again, lost)
    expect(await outbox.dropUndelivered(taken.eventId)).toBe(true)
    expect(await outbox.dropUndelivered(taken.eventId)).toBe(false)
    expect(await outbox.listUndelivered()).toEqual([])
    expect(await eventOf("a")).toMatchObject({ state: "given_up" })
  })

  it("what waits for its next try can be dropped, unless it is being sent", async () => {
    await outbox.record(await takeOne(), { ...lost, outcome: "retry", dueMs: T0 + DAY_MS })
    const [{ eventId = "" } = {}] = await outbox.listRetried()
    expect(await outbox.dropUndelivered(eventId)).toBe(true)
    expect(await outbox.dropUndelivered(eventId)).toBe(false)
    expect(await eventOf("a")).toMatchObject({ state: "given_up", attempts: [bad] })
    expect([await outbox.listRetried(), await outbox.countUndelivered()]).toEqual([[], 0])
    expect((await outbox.take(takeOf({ nowMs: T0 + 2 * DAY_MS }))).entries).toEqual([])

    await outbox.resend("a", { nowMs: T0 + 5_000 })
    await outbox.record(await takeOne({ nowMs: T0 + 5_000 }), { ...lost, outcome: "retry", dueMs: T0 + 6_000 })
    const taken = await takeOne({ nowMs: T0 + 6_000 })
    expect(await outbox.dropUndelivered(eventId)).toBe(false)
    expect(await outbox.record(taken, receipt)).toBe(true)
  })

  it("keeps the last fifty attempts", async () => {
    for (let i = 0; i < 55; i++) {
      const nowMs = T0 + 1_000 + i * 60_000
      const taken = await takeOne({ nowMs })
      await outbox.record(taken, { attempt: { ...bad, atMs: nowMs }, nowMs, outcome: "retry", dueMs: nowMs + 5 })
    }
    const attempts = (await eventOf("a"))?.attempts ?? []
    expect(attempts).toHaveLength(50)
    expect(attempts.at(-1)?.atMs).toBe(T0 + 1_000 + 54 * 60_000)
  })
})

describe("resend()", () => {
  beforeEach(async () => {
    await submit(store, told("a"))
    await finish("a")
  })

  const eventOf = async () => (await outbox.read("a"))?.events.at(-1)

  it("sends what waits for its next try at once, with ten new attempts; the history stays, and it is listed until it arrives", async () => {
    for (let tries = 0; tries < 5; tries++) {
      await outbox.record(await takeOne({ nowMs: T0 + 1_000 + tries }), retryAt(T0 + 1_001 + tries))
    }
    await outbox.record(await takeOne({ nowMs: T0 + 2_000 }), retryAt(T0 + DAY_MS))
    for (let times = 0; times < 8; times++) await outbox.resend("a", { nowMs: T0 + 3_000 })
    expect(await outbox.listRetried()).toHaveLength(1)
    const taken = await takeOne({ nowMs: T0 + 3_000 })
    expect(taken.event).toMatchObject({ tries: 0, dueMs: T0 + 3_000, attempts: Array(6).fill(bad) })
    await outbox.record(taken, retryAt(T0 + 8_000))
    expect(await eventOf()).toMatchObject({ state: "pending", tries: 1, dueMs: T0 + 8_000 })
    expect((await outbox.take(takeOf({ nowMs: T0 + 7_999 }))).entries).toEqual([])
    await takeOne({ nowMs: T0 + 8_000 })
  })

  it("one that waits for its turn can be dropped", async () => {
    await outbox.record(await takeOne(), retryAt(T0 + DAY_MS))
    await outbox.resend("a", { nowMs: T0 + 2_000 })
    expect(await outbox.dropUndelivered(`msg_a_${T0}`)).toBe(true)
    expect((await outbox.take(takeOf({ nowMs: T0 + 2 * DAY_MS }))).entries).toEqual([])
  })

  it("waits for nothing else of its receiver, and is given back to the same place", async () => {
    await outbox.record(await takeOne(), receipt)
    await submit(store, told("b"))
    await finish("b")
    await outbox.resend("a", { nowMs: T0 + 2_000 })
    const takeResent = () => takeOne({ nowMs: T0 + 2_000, capacity: { "https://a.example": 0 } })
    const taken = await takeResent()
    expect(taken).toMatchObject({ delivery: { jobId: "a" } })
    expect(await outbox.release(taken, T0 + 2_000)).toBe(true)
    await outbox.record(await takeResent(), retryAt(T0 + 7_000))
    expect((await outbox.take(takeOf({ nowMs: T0 + 7_000 }))).entries.map(({ receiver }) => receiver)).toEqual([
      "https://a.example",
      "https://a.example",
    ])
  })

  it.each(["retry", "given_up", "gone"] as const)(
    "of what is being sent leaves it to who has it, and follows at once when that attempt ends in %s",
    async (outcome) => {
      await outbox.record(await takeOne(), retryAt(T0 + 1_500))
      const taken = await takeOne({ nowMs: T0 + 1_500 })
      expect(await outbox.resend("a", { nowMs: T0 + 2_000 })).toMatchObject({ events: [{ state: "pending" }] })
      expect((await outbox.take(takeOf({ nowMs: T0 + 2_000 }))).entries).toEqual([])
      const failed = { attempt: bad, nowMs: T0 + 3_000 }
      await outbox.record(
        taken,
        outcome === "retry" ? { ...failed, outcome, dueMs: T0 + DAY_MS } : { ...failed, outcome },
      )
      expect(await outbox.countUndelivered()).toBe(0)
      const again = await takeOne({ nowMs: T0 + 3_000 })
      expect(again.event).toMatchObject({ tries: 0, attempts: [bad, bad] })
      await outbox.record(again, { ...failed, outcome: "given_up" })
      expect(await eventOf()).toMatchObject({ state: "given_up" })
    },
  )

  it("of what is being sent is done when that attempt arrives", async () => {
    const taken = await takeOne()
    await outbox.resend("a", { nowMs: T0 + 2_000 })
    expect(await outbox.record(taken, receipt)).toBe(true)
    expect((await outbox.take(takeOf({ nowMs: T0 + DAY_MS }))).entries).toEqual([])
  })

  it("sends what has arrived once more", async () => {
    await outbox.record(await takeOne(), receipt)
    await outbox.resend("a", { nowMs: T0 + 2_000 })
    await outbox.resend("a", { nowMs: T0 + 2_000 })
    await outbox.record(await takeOne({ nowMs: T0 + 2_000 }), receipt)
    expect((await outbox.take(takeOf({ nowMs: T0 + DAY_MS }))).entries).toEqual([])
  })

  it("is null for a ticket that has nothing to tell", async () => {
    expect(await outbox.resend("b", { nowMs: T0 })).toBe(null)
    expect(await outbox.resend("a", { nowMs: T0, eventId: "msg_a_7" })).toBe(null)
  })
})

describe("release()", () => {
  it("gives an entry back at once, and not one that is lost", async () => {
    await submit(store, told("a"))
    await finish("a")
    const taken = await takeOne()
    expect(await outbox.release(taken, T0 + 1_500)).toBe(true)
    expect(await outbox.release(taken, T0 + 1_500)).toBe(false)
    expect((await takeOne({ nowMs: T0 + 1_500 })).event.attempts).toEqual([])
  })
})

describe("the outbox", () => {
  it("leaves no key without an end: what nobody delivers goes eight days after its last try", async () => {
    await submit(store, told("a"))
    await finish("a")
    await outbox.record(await takeOne(), lost)
    await submit(store, told("b"))
    await finish("b")
    const { keys, client } = harness
    const ttls = [keys.delivery("a"), keys.undelivered, keys.delivery("b"), keys.outbox, keys.line("https://a.example")]
    for (const key of ttls) {
      const ttlMs = await client.pTTL(key)
      expect(ttlMs).toBeGreaterThan(7.9 * DAY_MS)
      expect(ttlMs).toBeLessThanOrEqual(8 * DAY_MS)
    }
  })

  it("costs a job without a webhook nothing, and one with it 6 commands to post, 7 to take and 4 to record", async () => {
    harness.auditing = false
    const bill = async (work: () => Promise<unknown>) => (await billFor(harness.client, work)).total
    const run = async (job: NewJob) => {
      await submit(store, job)
      await finish(job.id)
    }
    // Once before it counts, so that Redis knows the scripts.
    await run(told("first"))
    await outbox.record(await takeOne(), receipt)
    await outbox.take(takeOf({ nowMs: T0 + DAY_MS }))

    const plain = await bill(() => run(jobOf("a")))
    expect((await bill(() => run(told("b")))) - plain).toBe(6)
    let taken: Taken[] = []
    expect(
      await bill(async () => {
        taken = (await outbox.take(takeOf())).entries
      }),
    ).toBe(7)
    expect(taken).toHaveLength(1)
    expect(await bill(() => outbox.record(taken[0] as Taken, receipt))).toBe(4)
    await outbox.take(takeOf({ nowMs: T0 + DAY_MS }))
    expect(await bill(() => outbox.take(takeOf()))).toBe(2)
  })
})

describe("WebhookSettingsStore", () => {
  const settings = () => new WebhookSettingsStore(harness.redis, harness.keys)

  it("keeps a caller's URL and its two newest secrets, until they are removed", async () => {
    expect(await settings().read("key:a")).toEqual({ secrets: [] })
    await settings().setUrl("key:a", URL_A)
    const { secret: first } = await settings().rotateSecret("key:a")
    const { secret: second } = await settings().rotateSecret("key:a")
    expect(await settings().read("key:a")).toEqual({ url: URL_A, secrets: [second, first] })
    const { secret: third } = await settings().rotateSecret("key:a")
    expect(await settings().read("key:a")).toEqual({ url: URL_A, secrets: [third, second] })
    expect(await settings().dropOldSecrets("key:a")).toEqual({ url: URL_A, secrets: [third] })
    expect(await settings().callers()).toEqual(["key:a"])
    expect(await settings().read("key:b")).toEqual({ secrets: [] })
    await settings().setUrl("key:a", null)
    await settings().remove("key:a")
    expect(await settings().callers()).toEqual([])
  })

  it("beside the first secret of its own the deployment's goes on signing, until the next rotation or dropOldSecrets()", async () => {
    const { secret: first } = await settings().rotateSecret("key:a")
    await settings().rotateSecret("key:a", first)
    await settings().setUrl("key:a", URL_A)
    expect(await settings().read("key:a")).toEqual({ url: URL_A, secrets: [first], deploymentSigns: true })
    expect(await settings().dropOldSecrets("key:a")).toEqual({ url: URL_A, secrets: [first] })
    await settings().rotateSecret("key:b")
    await settings().rotateSecret("key:b")
    expect(await settings().read("key:b")).not.toHaveProperty("deploymentSigns")
  })

  it("the same rotation again adds no secret", async () => {
    const { secret } = await settings().rotateSecret("key:a")
    await settings().rotateSecret("key:a", secret)
    expect((await settings().read("key:a")).secrets).toEqual([secret])
  })

  describe("with a PAYLOAD_SECRET", () => {
    const [OLD, NEW] = ["an older secret, of 32 characters", "a newer secret, of 32 characters"]
    const sealed = (secrets: string[], options = {}) =>
      new WebhookSettingsStore(harness.redis, harness.keys, createSealer(secrets, options))
    const lying = async () => JSON.stringify(await harness.redis.hgetall(harness.keys.webhooks))

    it("leaves no secret in Redis that could be read there, and opens them for their own caller alone", async () => {
      const { secret: first } = await sealed([NEW]).rotateSecret("key:a")
      const { secret: second } = await sealed([NEW]).rotateSecret("key:a")
      expect(await sealed([NEW]).readSecrets("key:a")).toEqual([second, first])
      expect(await lying()).not.toContain("whsec_")
      const stolen = String(await harness.redis.hget(harness.keys.webhooks, "key:a"))
      await harness.redis.hset(harness.keys.webhooks, { "key:b": stolen })
      await expect(sealed([NEW]).readSecrets("key:b")).rejects.toMatchObject({ code: "payload_unreadable" })
    })

    it("does not take a secret that somebody wrote into Redis unsealed, but for the change-over", async () => {
      const { secret } = await settings().rotateSecret("key:a")
      await expect(sealed([NEW]).readSecrets("key:a")).rejects.toMatchObject({ code: "payload_unreadable" })
      expect(await sealed([NEW], { acceptsPlain: true }).readSecrets("key:a")).toEqual([secret])
      // Where a picture goes by default is no secret: a submit still works.
      expect((await sealed([NEW]).read("key:a")).secrets).toHaveLength(1)
    })

    it("sealAll() seals what was plain, and with the newest what an older one sealed", async () => {
      const { secret } = await settings().rotateSecret("key:a")
      await settings().setUrl("key:b", URL_A)
      await expect(sealed([OLD]).sealAll()).rejects.toMatchObject({ code: "payload_unreadable" })
      expect(await sealed([OLD], { acceptsPlain: true }).sealAll()).toBe(1)
      expect(await sealed([OLD]).readSecrets("key:a")).toEqual([secret])
      expect(await sealed([NEW, OLD]).sealAll()).toBe(1)
      expect(await sealed([NEW]).readSecrets("key:a")).toEqual([secret])
      expect(await lying()).not.toContain("whsec_")
    })

    it("who has no PAYLOAD_SECRET puts no open secret among sealed ones, and is told why", async () => {
      await sealed([NEW]).rotateSecret("key:a")
      const message = expect.stringContaining("PAYLOAD_SECRET is not set here")
      await expect(settings().rotateSecret("key:b")).rejects.toMatchObject({ message })
      await expect(settings().sealAll()).rejects.toMatchObject({ message })
      await expect(settings().readSecrets("key:a")).rejects.toMatchObject({ code: "payload_unreadable" })
    })
  })

  it("a caller without URL and secrets leaves nothing", async () => {
    await settings().setUrl("key:a", URL_A)
    expect(await settings().setUrl("key:a", null)).toEqual({ secrets: [] })
    expect(await settings().callers()).toEqual([])
  })
})
