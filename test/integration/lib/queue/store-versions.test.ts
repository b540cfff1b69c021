import { describe, expect, it } from "vitest"
import { createApp } from "../../../../src/edge/app.ts"
import { createServices } from "../../../../src/edge/services.ts"
import { AppError } from "../../../../src/lib/app-error.ts"
import { JobStore } from "../../../../src/lib/queue/job-store.ts"
import { readQueueStats } from "../../../../src/lib/queue/queue-stats.ts"
import { Registry } from "../../../../src/lib/queue/registry.ts"
import { createKeys } from "../../../../src/lib/redis/keys.ts"
import { RETRY } from "../../../../src/lib/redis/scripts.ts"
import { toTicket } from "../../../../src/lib/tickets/ticket.ts"
import { claimOf, idsOf, jobOf, submit, success, T0 } from "../../../support/store/store-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../../../support/store/store-limits.ts"
import { useStore } from "../../../support/store/use-store.ts"

const h = useStore({ isAudited: false })

type Fields = Record<string, unknown>

/** Writes into a job what another release would have written. */
async function rewrite(id: string, record: Fields, input: Fields = {}): Promise<void> {
  const before = await recordOf(id)
  const text = JSON.stringify({ ...before, ...record, input: JSON.stringify({ ...before.input, ...input }) })
  await h.client.set(h.keys.job(id), text, { KEEPTTL: true })
}

async function recordOf(id: string) {
  const record = JSON.parse((await h.client.get(h.keys.job(id))) ?? "")
  return { ...record, input: JSON.parse(record.input) }
}

const SEGMENT = { operation: { name: "segment", classes: 3 } }

describe("A job that a classifier cannot read", () => {
  it.each([
    ["an operation that it does not know", {}, SEGMENT],
    ["an option of another type", {}, { operation: { name: "classify", topK: "all" } }],
    ["a field of another type", { createdMs: "yesterday" }, {}],
    ["a payload's name that breaks the script", { payloadId: { shard: 3 } }, {}],
  ])("for %s goes to the dead letters alone, with the reason", async (_what, record, input) => {
    const store = h.store()
    for (const id of ["a", "b", "c"]) await submit(store, jobOf(id))
    await rewrite("b", record, input)
    h.auditing = false
    const claimed = await store.claim(claimOf({ max: 3 }))
    expect(idsOf(claimed)).toEqual(["a", "c"])
    expect(claimed.unreadable).toEqual([
      { jobId: "b", queue: "m", reason: expect.stringContaining("cannot be read here: ") },
    ])
    expect(await h.client.zRange(h.keys.leases, 0, -1)).not.toContainEqual(expect.stringMatching(/^b:/))
    for (const job of claimed.jobs) {
      expect(await store.finish({ jobId: job.id, token: job.leaseToken, job }, success(), T0 + 1)).toBe(true)
    }
    expect(await recordOf("b")).toMatchObject({
      state: "failed",
      error: expect.stringContaining("cannot be read here"),
    })
    expect(await h.operator().listDead()).toMatchObject([{ id: "b" }])
    expect(await store.claim(claimOf({ max: 3 }))).toMatchObject({ jobs: [], unreadable: [] })
  })

  it("is set aside by the repeated claim when the first one could not say so", async () => {
    for (const id of ["a", "b"]) await submit(h.store(), jobOf(id))
    await rewrite("b", {}, SEGMENT)
    let isAway = true
    const script: typeof h.redis.script = (text, ...rest) => {
      if (text !== RETRY || !isAway) return h.redis.script(text, ...rest)
      isAway = false
      throw new AppError("redis_unavailable", "Away")
    }
    const store = new JobStore({ ...h.redis, script }, h.keys, DEFAULT_STORE_LIMITS)
    const claim = claimOf({ max: 2 })
    await expect(store.claim(claim)).rejects.toMatchObject({ code: "redis_unavailable" })
    expect(idsOf(await store.claim({ ...claim, again: true }))).toEqual(["a"])
    expect(await h.operator().countDead()).toBe(1)
  })

  it("hides no other: not among the dead, not in the figures of the queue", async () => {
    const store = h.store()
    for (const id of ["a", "b"]) await submit(store, jobOf(id))
    // The audit knows no state of another release.
    h.auditing = false
    await rewrite("a", { state: "deferred", createdMs: "yesterday" })
    const registry = new Registry(h.redis, h.keys)
    await registry.enroll([{ id: "m", version: "1", name: "M", inputWidth: 8, inputHeight: 8, labels: 3 }], T0)
    await h.client.hSet(h.keys.registry, { "worker:new": '{"untilMs":"soon"}', "model:new": '{"shape":[1]}' })
    const stats = await readQueueStats(h, await registry.read(), T0 + 5)
    expect(stats.models).toMatchObject([{ id: "m", depth: 2, oldest_age_ms: 5 }])
  })

  it("is answered for by an edge with 503 job_unreadable", async () => {
    const env = {
      UPSTASH_REDIS_REST_URL: h.gateway.url,
      UPSTASH_REDIS_REST_TOKEN: h.gateway.token,
      TICKET_SECRET: "0123456789abcdef",
      ALLOW_ANONYMOUS: "1",
    }
    const services = createServices(env, { server: "test", write: () => undefined })
    const app = createApp(services, { clientAddress: () => "203.0.113.7", ownHosts: [] })
    const id = "00000000000000000000000000"
    await h.client.set(createKeys().job(id), '{"id":"x","state":"deferred"}', { PX: 60_000 })
    const response = await app.request(`/v1/classifications/${await services.ticketIds.sign(id)}`)
    expect(response.status).toBe(503)
    expect(response.headers.get("retry-after")).toBe("5")
    expect(await response.json()).toMatchObject({ code: "job_unreadable" })
  })
})

describe("What a newer release writes beside what is known", () => {
  it("survives enqueue, claim and finish", async () => {
    const store = h.store()
    await submit(store, jobOf("a"))
    const added = { region: "eu", plan: { tier: "gold" } }
    const before = await recordOf("a")
    await rewrite("a", added, {
      hint: "cat",
      image: { ...before.input.image, dpi: 72 },
      operation: { ...before.input.operation, crop: "center" },
    })
    const [job] = (await store.claim(claimOf())).jobs
    if (job === undefined) throw new Error("Nothing was claimed")
    await store.finish({ jobId: "a", token: job.leaseToken, job }, success(), T0 + 1)
    expect(await recordOf("a")).toMatchObject({
      state: "succeeded",
      ...added,
      input: { hint: "cat", image: { dpi: 72 }, operation: { name: "classify", topK: 5, crop: "center" } },
    })
    const ticket = toTicket((await store.read("a")) ?? job, null)
    expect(ticket.status).toBe("succeeded")
    expect(JSON.stringify(ticket), "a ticket has what its API describes").not.toMatch(/dpi|region|hint/)
  })

  it("is told in a ticket as far as it is known: an operation's name, an error's code", async () => {
    const store = h.store()
    await submit(store, jobOf("a"))
    await rewrite(
      "a",
      { state: "failed", finishedMs: T0, error: '{"code":"too_blurred","message":"Blurred"}' },
      SEGMENT,
    )
    const job = await store.read("a")
    expect(job && toTicket(job, null)).toMatchObject({ operation: "segment", error: { code: "too_blurred" } })
    expect(new AppError("too_blurred" as AppError["code"], "Blurred").status).toBe(500)
  })
})
