import { Registry } from "prom-client"
import { expect, it } from "vitest"
import { createMetrics } from "../../../../src/classifier/health/metrics.ts"
import { ShuttingDown } from "../../../../src/classifier/jobs/load-picture.ts"
import { type JobRunner, runJob } from "../../../../src/classifier/jobs/run-job.ts"
import { ServiceMeter } from "../../../../src/classifier/jobs/service-meter.ts"
import { LaneCrash, ModelUnloadable, OverMemory } from "../../../../src/classifier/lane/lane-crash.ts"
import { Reachability } from "../../../../src/classifier/loops/until-reached.ts"
import { AppError } from "../../../../src/lib/app-error.ts"
import { createLog, silentLog } from "../../../../src/lib/log.ts"
import type { ClaimedJob } from "../../../../src/lib/queue/job.ts"
import { silentTracer } from "../../../../src/lib/trace/tracer.ts"
import { noOutputs } from "../../../support/classifier/no-outputs.ts"
import { noSource } from "../../../support/classifier/no-source.ts"

const JOB = {
  id: "a",
  queue: "m",
  attempts: 1,
  leaseToken: "t",
  payloadId: "p",
  input: { operation: { name: "inspect" }, source: { kind: "payload" }, image: { bytes: 1 } },
}

/** What the store is told, and what is logged, when the lane answers with this error. */
async function retryAfter(error: Error, { isShuttingDown = false, became = "queued" } = {}) {
  const retries: unknown[][] = []
  const lines: string[] = []
  const shutdown = new AbortController()
  if (isShuttingDown) shutdown.abort()
  const store = {
    getPayload: async () => new Uint8Array(1),
    retry: async (_lease: unknown, ...how: unknown[]) => {
      retries.push(how)
      return became
    },
  }
  const runner = {
    ...{ store, source: noSource, outputs: noOutputs, now: () => 0, meter: new ServiceMeter(), tracer: silentTracer },
    pool: { run: () => Promise.reject(error) },
    isBacklogged: () => false,
    metrics: createMetrics(new Registry(), { lanes: () => 1, free: () => 1, active: () => 0 }),
    reachability: new Reachability(silentLog),
    log: createLog({ server: "s", script: "classifier", write: (line) => lines.push(line) }),
    shutdown: shutdown.signal,
    giveUp: new AbortController().signal,
    backoffMs: 1_000,
  } as unknown as JobRunner
  await runJob(runner, JOB as ClaimedJob, new AbortController().signal)
  const logged = lines.map((line) => JSON.parse(line)).find(({ event }) => event !== "job.claimed")
  const { values } = await runner.metrics.jobs.get()
  const counted = values.map(({ labels }) => labels.outcome)
  return { logged, counted, told: retries[0]?.[0], how: retries[0]?.[1], reason: logged?.reason }
}

const timeout = () => new AppError("job_timeout", "late")

it.each([
  ["a lane that died", new LaneCrash("x"), {}, "lane_died", "the lane died", { counts: true }],
  [
    "a model that is gone, whose lane lives",
    new ModelUnloadable("x"),
    {},
    "model_unloadable",
    "the model cannot be loaded",
    { counts: true },
  ],
  [
    "a shutdown before it had begun",
    new ShuttingDown(),
    {},
    "shutting_down",
    "the classifier shuts down",
    { counts: false },
  ],
  [
    "memory that it used up alone",
    new OverMemory(true),
    {},
    "out_of_memory",
    "no memory left",
    { counts: true, alone: true, onceMore: true },
  ],
  [
    "memory that was used up beside others",
    new OverMemory(false),
    {},
    "out_of_memory",
    "no memory left",
    { counts: false, alone: true, onceMore: false },
  ],
  ["a time-out", timeout(), {}, "lane_timeout", "took too long", { counts: true, onceMore: true, timedOut: true }],
  [
    "a time-out in a lane that is stuck",
    timeout(),
    { isShuttingDown: true },
    "lane_timeout",
    "took too long",
    { counts: true, onceMore: true, alone: true },
  ],
])("a job is handed out again after %s, for that reason", async (_what, error, at, reason, text, how) => {
  const { logged, counted, ...retry } = await retryAfter(error, at)
  // What is no attempt is no reason to wait.
  const delayMs = how.counts ? expect.any(Number) : 0
  expect(retry).toEqual({ reason, told: expect.stringContaining(text), how: { nowMs: 0, delayMs, ...how } })
  expect(logged).toMatchObject({ level: "warn", event: "job.retried" })
  expect(counted).toEqual(["retried"])
})

it("the last attempt that fails is logged as an error with its reason, and counted as dead", async () => {
  const { logged, counted } = await retryAfter(new LaneCrash("x"), { became: "dead" })
  const reason = expect.stringContaining("the lane died")
  expect(logged).toMatchObject({ level: "error", event: "job.failed", jobId: "a", code: "attempts_exhausted", reason })
  expect(counted).toEqual(["dead"])
})

it("an attempt whose lease is lost is no retry", async () => {
  const { logged, counted } = await retryAfter(new LaneCrash("x"), { became: "lost" })
  expect(logged).toMatchObject({ level: "info", event: "job.lease_lost" })
  expect(counted).toEqual(["lease_lost"])
})
