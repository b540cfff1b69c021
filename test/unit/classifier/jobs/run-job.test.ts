import { Registry } from "prom-client"
import { expect, it } from "vitest"
import { createMetrics } from "../../../../src/classifier/health/metrics.ts"
import { ShuttingDown } from "../../../../src/classifier/jobs/load-picture.ts"
import { runJob } from "../../../../src/classifier/jobs/run-job.ts"
import { ServiceMeter } from "../../../../src/classifier/jobs/service-meter.ts"
import { LaneCrash, OverMemory } from "../../../../src/classifier/lane/lane-crash.ts"
import { Reachability } from "../../../../src/classifier/loops/until-reached.ts"
import { AppError } from "../../../../src/lib/app-error.ts"
import { silentLog } from "../../../../src/lib/log.ts"
import type { Lease, Retry } from "../../../../src/lib/queue/claim.ts"
import type { ClaimedJob } from "../../../../src/lib/queue/job.ts"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"
import { silentTracer } from "../../../../src/lib/trace/tracer.ts"
import { noOutputs } from "../../../support/classifier/no-outputs.ts"
import { noSource } from "../../../support/classifier/no-source.ts"

const BACKOFF_MS = 1_000

/** How a job comes back whose nth attempt fails like this. */
async function givenBack(attempts: number, failure: Error): Promise<Retry> {
  const retries: Retry[] = []
  const store = {
    getPayload: async () => new Uint8Array(4),
    retry: async (_lease: Lease, _reason: string, options: Retry) => {
      retries.push(options)
      return "queued" as const
    },
  } as Partial<JobStore> as JobStore
  const job = {
    ...{
      id: "a",
      state: "processing",
      queue: "@inspect",
      caller: "key:a",
      payloadId: "p",
      bytes: 4,
      start: "0",
      ahead: 0,
    },
    ...{ createdMs: 0, deadlineMs: 1, startedMs: 0, attempts, maxAttempts: 9, leaseToken: "t", worker: "w" },
    input: {
      ticketId: "cls_a",
      operation: { name: "inspect" },
      source: { kind: "payload" },
      fingerprint: "",
      image: { bytes: 4 },
    },
  } as unknown as ClaimedJob
  const runner = {
    ...{ store, source: noSource, outputs: noOutputs, tracer: silentTracer, log: silentLog, now: () => 0 },
    pool: {
      run: async () => {
        throw failure
      },
    },
    meter: new ServiceMeter(),
    isBacklogged: () => false,
    metrics: createMetrics(new Registry(), { lanes: () => 1, free: () => 1, active: () => 1 }),
    reachability: new Reachability(silentLog),
    shutdown: new AbortController().signal,
    giveUp: new AbortController().signal,
    backoffMs: BACKOFF_MS,
  }
  await runJob(runner, job, new AbortController().signal)
  const [retry] = retries
  if (retry === undefined) throw new Error("It was not given back")
  return retry
}

it.each([
  ["whose lane died", () => new LaneCrash("died")],
  ["that took too long", () => new AppError("job_timeout", "too long")],
])(
  "a job %s waits before its next attempt, each time up to twice as long, and never longer than a minute",
  async (_what, failure) => {
    const longest = async (attempts: number) => {
      const tries = await Promise.all(Array.from({ length: 40 }, () => givenBack(attempts, failure())))
      return Math.max(...tries.map(({ delayMs = 0 }) => delayMs))
    }
    const [first, third, late] = [await longest(1), await longest(3), await longest(30)]
    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThanOrEqual(BACKOFF_MS)
    // Of forty uniform draws the largest is in the upper three quarters, but for one run in 10^24.
    expect(third).toBeGreaterThan(BACKOFF_MS)
    expect(third).toBeLessThanOrEqual(4 * BACKOFF_MS)
    expect(late).toBeGreaterThan(4 * BACKOFF_MS)
    expect(late).toBeLessThanOrEqual(60_000)
  },
)

it.each([
  ["of a classifier that shuts down", new ShuttingDown()],
  ["that was beside others when memory ran out", new OverMemory(false)],
])("a job %s does not wait: nothing speaks against it", async (_what, failure) => {
  expect(await givenBack(1, failure)).toMatchObject({ counts: false, delayMs: 0 })
})
