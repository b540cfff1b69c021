import { AppError, isOutage } from "../../lib/app-error.ts"
import { fullJitterMs } from "../../lib/backoff.ts"
import { readImageHeader, seenImage } from "../../lib/images/image-header.ts"
import type { Log, LogFields } from "../../lib/log.ts"
import type { Lease, Outcome, Retry } from "../../lib/queue/claim.ts"
import type { ClaimedJob } from "../../lib/queue/job.ts"
import { unpaidShare } from "../../lib/queue/job-cost.ts"
import type { JobStore, Retried } from "../../lib/queue/job-store.ts"
import { sha256Hex } from "../../lib/sha256.ts"
import type { Tracer } from "../../lib/trace/tracer.ts"
import type { Metrics } from "../health/metrics.ts"
import { LaneCrash, ModelUnloadable, OverMemory } from "../lane/lane-crash.ts"
import type { LanePool } from "../lane/lane-pool.ts"
import { type Reachability, untilReached } from "../loops/until-reached.ts"
import { keepOutput } from "../outputs/keep-output.ts"
import type { OutputStore } from "../outputs/output-store.ts"
import { JobStopped } from "./active-jobs.ts"
import { JobTrace } from "./job-trace.ts"
import { inspectRemote, loadPicture, type PictureDeps, ShuttingDown } from "./load-picture.ts"
import type { ServiceMeter } from "./service-meter.ts"

export type JobRunner = PictureDeps & {
  store: JobStore
  pool: Pick<LanePool, "run">
  outputs: OutputStore
  now: () => number
  meter: ServiceMeter
  /** Whether all lanes have work, this job left out. */
  isBacklogged: () => boolean
  metrics: Metrics
  reachability: Reachability
  log: Log
  tracer: Tracer
  /** Aborted when the process may wait no longer for Redis. */
  giveUp: AbortSignal
  /** Between the attempts of a job: U(0, backoffMs · 2^n), n from 0. 0 for none. */
  backoffMs: number
}

const MAX_BACKOFF_MS = 60_000

/** Carries one claimed job to its end: fetch, lane, outcome. Never rejects. */
export async function runJob(runner: JobRunner, job: ClaimedJob, signal: AbortSignal): Promise<void> {
  const { log, metrics } = runner
  const trace = new JobTrace(job, runner)
  const { about } = trace
  try {
    log.debug("job.claimed", { ...about, worker: job.worker })
    const end = await attempt(runner, job, { signal, trace })
    metrics.jobs.inc({ queue: job.queue, outcome: end })
    // A failure has said its code already.
    if (end !== "failed") trace.end(end, end === "dead" ? "attempts_exhausted" : undefined)
  } catch (error) {
    trace.end(
      error instanceof JobStopped ? "stopped" : "abandoned",
      error instanceof JobStopped ? undefined : "abandoned",
    )
    if (error instanceof JobStopped) {
      metrics.jobs.inc({ queue: job.queue, outcome: error.why })
      log.info("job.stopped", { ...about, reason: error.message })
      return
    }
    // The lease runs out by itself, and the job is tried again.
    metrics.jobs.inc({ queue: job.queue, outcome: "abandoned" })
    log.error("job.abandoned", { ...about, error })
  }
}

/** Why a job is handed out again. */
type RetryReason = "shutting_down" | "lane_died" | "model_unloadable" | "lane_timeout" | "out_of_memory"
type Again = Omit<Retry, "nowMs"> & { reason: RetryReason }

/** For the ticket of a job that has no attempt left. */
const RETRY_TEXTS: Record<RetryReason, string> = {
  shutting_down: "the classifier shuts down",
  lane_died: "the lane died",
  model_unloadable: "the model cannot be loaded",
  lane_timeout: "the lane took too long",
  out_of_memory: "the classifier had no memory left",
}

/** Null for what no other attempt is made for. */
function retryAfter(error: unknown, { shutdown }: JobRunner): Again | null {
  // What a classifier that shuts down had not begun is no attempt.
  if (error instanceof ShuttingDown) return { reason: "shutting_down", counts: false }
  if (error instanceof LaneCrash) return { reason: "lane_died", counts: true }
  if (error instanceof ModelUnloadable) return { reason: "model_unloadable", counts: true }
  // Beside others it may have been any of them: alone it shows.
  if (error instanceof OverMemory)
    return { reason: "out_of_memory", counts: error.isAlone, alone: true, onceMore: error.isAlone }
  if (!(error instanceof AppError && error.code === "job_timeout")) return null
  // A second time tells whether it was the job; a third would tell nothing more. A job whose lane was ended has harmed no other; a
  // lane that is stuck takes the process with it, which shuts down by now.
  const how = shutdown.aborted ? { alone: true } : { timedOut: true }
  return { reason: "lane_timeout", counts: true, onceMore: true, ...how }
}

type End = "succeeded" | "failed" | "retried" | "dead" | "lease_lost"

type Attempted = { signal: AbortSignal; trace: JobTrace }

async function attempt(runner: JobRunner, job: ClaimedJob, { signal, trace }: Attempted): Promise<End> {
  const { store, log, now } = runner
  const lease: Lease = { jobId: job.id, token: job.leaseToken }
  const { about } = trace
  const reach = <T>(call: () => Promise<T>) =>
    untilReached(call, { reachability: runner.reachability, signal: runner.giveUp })

  const { outcome, retry, timings, unpaid } = await infer(runner, job, { signal, trace, reach })
  if (retry !== undefined) {
    const { reason, ...how } = retry
    // An attempt that does not count says nothing against the job.
    const delayMs = how.counts ? Math.round(backoff(job.attempts - 1, runner.backoffMs)) : 0
    const became = await reach(() => store.retry(lease, RETRY_TEXTS[reason], { nowMs: now(), delayMs, ...how }))
    return reportRetry(runner, became, { ...about, reason, delayMs })
  }
  const finishStart = performance.now()
  const held = await reach(() => store.finish({ ...lease, job, unpaid }, outcome, now()))
  const finishMs = performance.now() - finishStart
  trace.stage("finish", finishMs)
  if (!held) {
    log.info("job.lease_lost", about)
    return "lease_lost"
  }
  if (outcome.state === "failed") {
    log.info("job.failed", { ...about, code: outcome.error.code, reason: outcome.error.message })
    trace.end("failed", outcome.error.code)
  } else {
    const laneMs = timings.decode + timings.infer
    const endedMs = performance.now()
    const jobMs = timings.fetch + laneMs + finishMs
    const { width, height } = outcome.result.image
    const picture = { decodeMs: timings.decode, megapixels: (width * height) / 1e6 }
    runner.meter.record(job.queue, { laneMs, jobMs, ...picture, endedMs, isBacklogged: runner.isBacklogged() })
    for (const [stage, ms] of Object.entries({ ...timings, finish: finishMs })) {
      runner.metrics.stageSeconds.observe({ queue: job.queue, stage }, ms / 1_000)
    }
    log.info("job.completed", { ...about, fetchMs: timings.fetch, decodeMs: timings.decode, inferMs: timings.infer })
  }
  return outcome.state
}

type RetryFields = LogFields & { reason: RetryReason; delayMs: number }

function reportRetry({ log }: JobRunner, became: Retried, { reason, delayMs, ...about }: RetryFields): End {
  switch (became) {
    case "queued":
      log.warn("job.retried", { ...about, reason, delayMs })
      return "retried"
    case "dead":
      log.error("job.failed", { ...about, code: "attempts_exhausted", reason: RETRY_TEXTS[reason] })
      return "dead"
    case "lost":
      log.info("job.lease_lost", about)
      return "lease_lost"
    default:
      return became satisfies never
  }
}

const backoff = (n: number, baseMs: number) => fullJitterMs(n, { baseMs, capMs: MAX_BACKOFF_MS })

type InferDeps = Attempted & { reach: <T>(call: () => Promise<T>) => Promise<T> }
type Timings = { fetch: number; decode: number; infer: number }
type Inferred =
  | { outcome: Outcome; retry?: undefined; timings: Timings; unpaid: number }
  | { outcome?: undefined; retry: Again; timings?: undefined; unpaid?: undefined }

async function infer(runner: JobRunner, job: ClaimedJob, { signal, trace, reach }: InferDeps): Promise<Inferred> {
  const { operation, source, image: sent } = job.input
  const fetchStart = performance.now()
  let [fetch, unpaid] = [0, 0]
  const timed = <T>(load: Promise<T>) =>
    load.finally(() => {
      fetch = roundMs(performance.now() - fetchStart)
      trace.stage("fetch", fetch)
    })
  try {
    if (operation.name === "inspect" && source.kind !== "payload") {
      // Its header is enough, as a rule: reading that is no work for a lane.
      const wantsHash = operation.sha256 === true
      const image = await timed(inspectRemote(runner, source, { wantsHash, signal }))
      const timings = { fetch, decode: 0, infer: 0 }
      return { timings, unpaid, outcome: { state: "succeeded", result: { image, timingsMs: timings } } }
    }
    const bytes = await timed(loadPicture(runner, job, { signal, reach }))
    runner.log.debug("job.fetched", { ...trace.about, bytes: bytes.length, fetchMs: fetch })
    // Before the work, so that an image that fails late is charged, too.
    if (sent === undefined) unpaid = unpaidShare(operation, seenImage(readImageHeader(bytes)))
    const known = sent ?? { bytes: bytes.length, sha256: await sha256Hex(bytes) }
    const work = { operation, bytes, ...(job.model !== undefined && { modelId: job.model }) }
    const isBackground = source.kind !== "payload" || job.batch !== undefined
    const { timingsMs, image, made, ...answer } = await runner.pool.run(work, { signal, isBackground })
    traceLane(runner, trace, timingsMs)
    // Before the result: a crash in between leaves an output that expires, and never a result without its output.
    const output = made && (await reach(() => keepOutput(runner.outputs, { job, made, signal })))
    const timings = { fetch, decode: roundMs(timingsMs.decode), infer: roundMs(timingsMs.infer) }
    const result = { ...answer, image: { ...known, ...image }, ...(output && { output }), timingsMs: timings }
    return { timings, unpaid, outcome: { state: "succeeded", result } }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    const retry = retryAfter(error, runner)
    if (retry !== null) return { retry }
    // No outcome of the job: its lease runs out, and another attempt stores what this one could not.
    if (!(error instanceof AppError) || isOutage(error)) throw error
    const { code, message } = error
    return { timings: { fetch, decode: 0, infer: 0 }, unpaid, outcome: { state: "failed", error: { code, message } } }
  }
}

/** The lane says how long its steps took; they end with its answer, one after the other. */
function traceLane({ log, now }: JobRunner, trace: JobTrace, { decode, infer }: Omit<Timings, "fetch">): void {
  const endMs = now()
  trace.stage("decode", decode, { endMs: endMs - infer })
  // Where no model is asked there is nothing to infer.
  if (infer > 0) trace.stage("infer", infer, { endMs })
  log.debug("job.inferred", { ...trace.about, decodeMs: roundMs(decode), inferMs: roundMs(infer) })
}

const roundMs = (ms: number) => Math.round(ms * 10) / 10
