import { Registry } from "prom-client"
import { expect, it } from "vitest"
import { createMetrics } from "../../../../src/classifier/health/metrics.ts"
import { ActiveJobs } from "../../../../src/classifier/jobs/active-jobs.ts"
import { runClaimLoop } from "../../../../src/classifier/jobs/claim-loop.ts"
import { KnownEmptyQueues } from "../../../../src/classifier/jobs/known-empty-queues.ts"
import { logReclaimed } from "../../../../src/classifier/jobs/log-reclaimed.ts"
import { ServiceMeter } from "../../../../src/classifier/jobs/service-meter.ts"
import { Reachability } from "../../../../src/classifier/loops/until-reached.ts"
import { Waker } from "../../../../src/classifier/loops/waker.ts"
import { createLog } from "../../../../src/lib/log.ts"
import type { Claimed } from "../../../../src/lib/queue/claim.ts"
import type { Job } from "../../../../src/lib/queue/job.ts"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
const JOB = {
  id: "a",
  queue: "m",
  attempts: 3,
  input: { trace: `00-${TRACE_ID}-b7ad6b7169203331-01` },
}
const logged = (job: object) => {
  const lines: string[] = []
  logReclaimed(createLog({ server: "s", script: "classifier", write: (line) => lines.push(line) }), job as Job)
  return lines.map((line) => JSON.parse(line))
}

it("logReclaimed() writes a line that is found by the job and by its trace", () => {
  const about = { jobId: "a", queue: "m", attempt: 3, traceId: TRACE_ID }
  const error = { code: "attempts_exhausted", message: "Given up after 3 attempts" }
  expect(logged({ ...JOB, state: "queued" })).toMatchObject([{ event: "job.retried", ...about }])
  expect(logged({ ...JOB, state: "failed", error })).toMatchObject([
    { level: "error", event: "job.failed", ...about, code: error.code, reason: error.message },
  ])
  const late = { code: "deadline_exceeded", message: "No classifier was free" }
  expect(logged({ ...JOB, state: "failed", error: late })).toMatchObject([{ level: "info", event: "job.failed" }])
  expect(logged({ ...JOB, state: "queued", input: {} })[0]).not.toHaveProperty("traceId")
})

it("the claim loop logs and counts what its claims reclaimed, and what could not be read", async () => {
  const leave = new AbortController()
  const lines: string[] = []
  const log = createLog({ server: "s", script: "classifier", write: (line) => lines.push(line) })
  const error = { code: "attempts_exhausted", message: "Given up after 3 attempts" }
  const reclaimed = [{ ...JOB, state: "queued" } as Job, { ...JOB, state: "failed", error } as Job]
  const unreadable = [{ jobId: "b", queue: "other", reason: "no JSON" }]
  const metrics = createMetrics(new Registry(), { lanes: () => 1, free: () => 1, active: () => 0 })
  const claim = async (): Promise<Claimed> => {
    leave.abort()
    return { jobs: [], status: "empty", nextLeaseEndMs: null, empty: [], unreadable, reclaimed }
  }
  await runClaimLoop(
    {
      store: { claim } as unknown as JobStore,
      ...{ worker: "w", lanes: 1, fetches: 1, leaseMs: 30_000, queues: () => ["m"], log },
      active: new ActiveJobs(() => undefined),
      waker: new Waker(),
      knownEmpty: new KnownEmptyQueues(),
      broken: () => [],
      isListening: () => true,
      mayReap: () => true,
      start: () => undefined,
      now: () => 0,
      meter: new ServiceMeter(),
      metrics,
      reachability: new Reachability(log),
    },
    leave.signal,
  )
  expect(lines.map((line) => JSON.parse(line).event)).toEqual(["job.retried", "job.failed", "job.unreadable"])
  const { values } = await metrics.jobs.get()
  expect(values.map(({ labels }) => labels)).toEqual([
    { queue: "m", outcome: "retried" },
    { queue: "m", outcome: "dead" },
    { queue: "other", outcome: "dead" },
  ])
})

it("the claim loop logs that the queue is paused, and that it goes on, once each", async () => {
  const leave = new AbortController()
  const lines: string[] = []
  const log = createLog({ server: "s", script: "classifier", write: (line) => lines.push(line) })
  const statuses: Claimed["status"][] = ["paused", "paused", "empty", "empty"]
  const metrics = createMetrics(new Registry(), { lanes: () => 1, free: () => 1, active: () => 0 })
  const claim = async (): Promise<Claimed> => {
    const status = statuses.shift() ?? "empty"
    if (statuses.length === 0) leave.abort()
    return { jobs: [], status, nextLeaseEndMs: null, empty: [], unreadable: [], reclaimed: [] }
  }
  const waker = Object.assign(new Waker(), { sleep: async () => undefined })
  await runClaimLoop(
    {
      store: { claim } as unknown as JobStore,
      ...{ worker: "w", lanes: 1, fetches: 1, leaseMs: 30_000, queues: () => ["m"], log },
      active: new ActiveJobs(() => undefined),
      waker,
      knownEmpty: new KnownEmptyQueues(),
      broken: () => [],
      isListening: () => true,
      mayReap: () => true,
      start: () => undefined,
      now: () => 0,
      meter: new ServiceMeter(),
      metrics,
      reachability: new Reachability(log),
    },
    leave.signal,
  )
  expect(lines.map((line) => JSON.parse(line).event)).toEqual(["queue.paused", "queue.resumed"])
})
