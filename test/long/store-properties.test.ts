import fc from "fast-check"
import { describe, it } from "vitest"
import { AppError } from "../../src/lib/app-error.ts"
import type { Claim, Lease } from "../../src/lib/queue/claim.ts"
import type { ClaimedJob } from "../../src/lib/queue/job.ts"
import type { JobStore } from "../../src/lib/queue/job-store.ts"
import type { Operator } from "../../src/lib/queue/operator.ts"
import { auditStore, dumpStore, type StoreDump } from "../support/store/store-audit.ts"
import { claimOf, failure, jobOf, LEASE_MS, submit, success, T0 } from "../support/store/store-harness.ts"
import { endOf, StoreModel } from "../support/store/store-model.ts"
import { useStore } from "../support/store/use-store.ts"

/** More of both find more: PROPERTY_RUNS=2000 takes some minutes. A failure prints its seed; PROPERTY_SEED repeats it. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 100)
const SEED = process.env.PROPERTY_SEED === undefined ? {} : { seed: Number(process.env.PROPERTY_SEED) }
const LIMITS = { maxDepth: 12, maxDepthPerCaller: 6 }

const harness = useStore({ isAudited: false })

const pick = fc.nat({ max: 1_000_000 })
const id = fc.nat({ max: 19 }).map((n) => `j${n}`)
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("enqueue" as const),
      id,
      caller: fc.constantFrom("key:a", "ip:::1", "key:c d"),
      model: fc.constantFrom("m", "n"),
      weight: fc.constantFrom(0.5, 1, 3),
      contentKey: fc.option(fc.constantFrom("cats", "dogs"), { nil: undefined }),
      webhookUrl: fc.option(fc.constantFrom("https://a.example/", "https://b.example/"), { nil: undefined }),
      maxAttempts: fc.integer({ min: 1, max: 3 }),
      deadlineMs: fc.constantFrom(5_000, 60_000, 3_600_000),
      bytes: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("claim" as const),
      worker: fc.nat({ max: 2 }),
      queues: fc.constantFrom(["m"], ["n"], ["m", "n"], ["n", "m"]),
      max: fc.integer({ min: 1, max: 4 }),
      isIdle: fc.boolean(),
      reclaims: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("claimAgain" as const), worker: fc.nat({ max: 2 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("renew" as const), lease: pick, count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 7, arbitrary: fc.record({ do: fc.constant("finish" as const), lease: pick, isSuccess: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("retry" as const),
      lease: pick,
      counts: fc.boolean(),
      delayMs: fc.constantFrom(0, 20_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("cancel" as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("expire" as const), id }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(10, 4_000, LEASE_MS + 1) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("pause" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("resume" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("limit" as const),
      model: fc.constantFrom("m", "n"),
      paused: fc.boolean(),
      concurrency: fc.constantFrom<number | false>(1, 2, false),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("retryDead" as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("dropDead" as const), id }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** A key's TTL is the model of its life: what has less left than passes is gone. */
const AGE = `
for _, key in ipairs(redis.call("KEYS", "*")) do
  local ttlMs = redis.call("PTTL", key)
  if ttlMs >= 0 and ttlMs <= tonumber(ARGV[1]) then redis.call("DEL", key)
  elseif ttlMs >= 0 then redis.call("PEXPIRE", key, ttlMs - ARGV[1]) end
end`

/** Store and model side by side. */
class Run {
  readonly #model = new StoreModel(LIMITS)
  readonly #store: JobStore
  readonly #operator: Operator
  readonly #resultTtlMs: number
  readonly #leases: (Lease & { job?: ClaimedJob })[] = []
  readonly #lastClaims = new Map<number, Claim>()
  readonly #ends = new Map<string, string>()
  readonly #gone = new Set<string>()
  readonly #startMs = performance.now()
  #nowMs = T0
  #agedMs = 0
  #uploads = 0

  constructor(resultTtlMs: number) {
    this.#resultTtlMs = resultTtlMs
    this.#store = harness.crowdStore({ ...LIMITS, resultTtlMs })
    this.#operator = harness.operator({ resultTtlMs })
  }

  /** @throws when store and model part */
  async take(step: Step): Promise<void> {
    const checkClaim = await this.#act(step)
    const dump = await auditStore(harness.client, harness.keys)
    const wrong = [...checkClaim(dump), ...this.#model.differences(dump), ...this.#changedEnds(dump)]
    if (wrong.length > 0) throw new Error(wrong.join("\n"))
  }

  /** So much time passes for the keys in Redis: a ticket that has ended is as it was for as long as results are kept, and then gone for good. */
  async age(ms: number): Promise<void> {
    await harness.client.eval(AGE, { arguments: [String(ms)] })
    this.#agedMs += ms
    const dump = await dumpStore(harness.client, harness.keys)
    const wrong = this.#changedEnds(dump)
    const isKept = this.#agedMs + performance.now() - this.#startMs < this.#resultTtlMs
    for (const id of this.#ends.keys()) {
      if (dump.jobs.has(id)) {
        if (this.#gone.has(id)) wrong.push(`${id} was gone, and is there again`)
        continue
      }
      this.#gone.add(id)
      if (isKept) wrong.push(`${id} is gone ${this.#agedMs} ms after its end, of ${this.#resultTtlMs}`)
    }
    if (wrong.length > 0) throw new Error(wrong.join("\n"))
  }

  async #act(step: Step): Promise<(dump: StoreDump) => string[]> {
    const [model, store, nowMs] = [this.#model, this.#store, this.#nowMs]
    const lease = "lease" in step ? this.#leases[step.lease % this.#leases.length] : undefined
    switch (step.do) {
      case "enqueue": {
        const { do: _, deadlineMs, ...options } = step
        const job = jobOf(step.id, {
          ...options,
          createdMs: nowMs,
          deadlineMs: nowMs + deadlineMs,
          payloadId: `p${++this.#uploads}`,
        })
        const status = submit(store, job).then(
          (enqueued) => enqueued.status,
          (error) => (error instanceof AppError ? error.code : Promise.reject(error)),
        )
        return same("enqueue", await status, model.enqueue(job))
      }
      case "claim": {
        const { do: _, worker, ...options } = step
        const claim = claimOf({ ...options, nowMs, worker: `w${worker}` })
        this.#lastClaims.set(worker, claim)
        return this.#claim(claim)
      }
      case "claimAgain": {
        const claim = this.#lastClaims.get(step.worker)
        return claim === undefined ? () => [] : this.#claim({ ...claim, nowMs, again: true })
      }
      case "renew": {
        const leases = this.#leases.slice(-step.count)
        if (leases.length === 0) return () => []
        const lost = await store.renew(leases, nowMs + LEASE_MS)
        const held = leases.map(({ jobId, token }) => model.renew(jobId, token, nowMs + LEASE_MS))
        return same(
          "renew",
          lost,
          leases.filter((_lease, i) => !held[i]),
        )
      }
      case "finish": {
        if (lease === undefined) return () => []
        const outcome = step.isSuccess ? success(`answer of ${lease.token}`) : failure()
        const stands = await store.finish(lease, outcome, nowMs)
        return same("finish", stands, model.finish(lease.jobId, lease.token, outcome.state))
      }
      case "retry": {
        if (lease === undefined) return () => []
        const how = { nowMs, counts: step.counts, delayMs: step.delayMs }
        const stands = await store.retry(lease, "the lane died", how)
        return same("retry", stands, model.retry(lease.jobId, lease.token, how))
      }
      case "cancel":
        return same("cancel", (await store.cancel(step.id, nowMs)).status, model.leave(step.id, "canceled", false))
      case "expire":
        return same("expire", (await store.expire(step.id, nowMs)).status, model.leave(step.id, "failed", true))
      case "wait":
        this.#nowMs += step.ms
        return () => []
      case "pause":
        await this.#operator.pause()
        model.isPaused = true
        return () => []
      case "resume":
        await this.#operator.resume()
        model.isPaused = false
        return () => []
      case "limit": {
        const { model: name, paused, concurrency } = step
        await this.#operator.limit(name, { paused, concurrency })
        model.limits.set(name, {
          isPaused: paused,
          most: concurrency === false ? Number.POSITIVE_INFINITY : concurrency,
        })
        return () => []
      }
      case "retryDead": {
        const revival = { nowMs, deadlineMs: nowMs + 7_777 }
        const revived = await this.#operator.retryDead(step.id, revival)
        // Sent again, the ticket of the dead letter is open again, and no other: that is the one way back from an end.
        if (model.dead.has(step.id)) this.#ends.delete(step.id)
        return same("retryDead", revived, model.revive(step.id, revival.deadlineMs))
      }
      case "dropDead":
        return same("dropDead", await this.#operator.dropDead(step.id), model.dead.delete(step.id))
      default:
        step satisfies never
        return () => []
    }
  }

  async #claim(claim: Claim): Promise<(dump: StoreDump) => string[]> {
    const claimed = await this.#store.claim(claim)
    for (const job of claimed.jobs) {
      const known = this.#leases.find(({ jobId, token }) => jobId === job.id && token === job.leaseToken)
      // Workers finish with the job as they claimed it, or without: both must come to the same.
      if (known === undefined) {
        const withJob = this.#leases.length % 2 === 0 ? { job } : {}
        this.#leases.push({ jobId: job.id, token: job.leaseToken, ...withJob })
      } else if (known.job !== undefined) known.job = job
    }
    return (dump) => this.#model.claim(claim, claimed, dump)
  }

  #changedEnds({ jobs }: StoreDump): string[] {
    const changed: string[] = []
    for (const job of jobs.values()) {
      const [before, now] = [this.#ends.get(job.id), endOf(job, jobs)]
      if (before !== undefined && before !== now) changed.push(`${job.id} ended as ${before}, and then as ${now}`)
      if (now !== null) this.#ends.set(job.id, now)
    }
    return changed
  }
}

function same(what: string, have: unknown, want: unknown): () => string[] {
  const [haveText, wantText] = [JSON.stringify(have), JSON.stringify(want)]
  return () => (haveText === wantText ? [] : [`${what} gave ${haveText} instead of ${wantText}`])
}

describe("the queue's scripts, in any order, by several workers", () => {
  it("do what the model does: nothing is lost, doubled, miscounted or changed after its end", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 20, maxLength: 120, size: "max" }),
        fc.constantFrom(60_000, 86_400_000),
        fc.array(fc.constantFrom(1_000, 30_000, 3_600_000, 50_000_000, 700_000_000), { maxLength: 6 }),
        async (steps, resultTtlMs, agesMs) => {
          await harness.client.flushAll()
          const run = new Run(resultTtlMs)
          for (const each of steps) await run.take(each)
          for (const ms of agesMs) await run.age(ms)
        },
      ),
      { numRuns: RUNS, ...SEED },
    )
  }, 600_000)
})
