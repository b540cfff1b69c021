import { vi } from "vitest"
import { BatchEnqueuer } from "../../../src/classifier/batches/batch-enqueuer.ts"
import { createMetrics } from "../../../src/classifier/health/metrics.ts"
import { ActiveJobs } from "../../../src/classifier/jobs/active-jobs.ts"
import { runClaimLoop } from "../../../src/classifier/jobs/claim-loop.ts"
import { listenToQueue } from "../../../src/classifier/jobs/queue-listener.ts"
import { renewLeases } from "../../../src/classifier/jobs/renew-leases.ts"
import { runJob } from "../../../src/classifier/jobs/run-job.ts"
import { ServiceMeter } from "../../../src/classifier/jobs/service-meter.ts"
import { Reachability } from "../../../src/classifier/loops/until-reached.ts"
import { Waker } from "../../../src/classifier/loops/waker.ts"
import { Deliverer } from "../../../src/classifier/webhooks/deliverer.ts"
import { BatchStore } from "../../../src/lib/batches/batch-store.ts"
import { silentLog } from "../../../src/lib/log.ts"
import { JobStore } from "../../../src/lib/queue/job-store.ts"
import type { Keys } from "../../../src/lib/queue/keys.ts"
import { queuesOf } from "../../../src/lib/queue/queue-name.ts"
import { Registry } from "../../../src/lib/queue/registry.ts"
import { announceSchema } from "../../../src/lib/queue/schema-version.ts"
import { findEviction } from "../../../src/lib/redis/eviction.ts"
import type { RedisRest } from "../../../src/lib/redis/redis.ts"
import { sleep } from "../../../src/lib/sleep.ts"
import { silentTracer } from "../../../src/lib/trace/tracer.ts"
import { Outbox } from "../../../src/lib/webhooks/outbox.ts"
import { aroundRedis } from "../redis/redis-sdk.ts"
import { DEFAULT_STORE_LIMITS } from "../store/store-limits.ts"
import { noOutputs } from "./no-outputs.ts"
import { noSource } from "./no-source.ts"

const LEASE_MS = 30_000
const MODEL = { id: "m", version: "1", name: "M", inputWidth: 8, inputHeight: 8, labels: 3 }
/** As src/classifier/classifier.ts has them. */
const CLOCK_MS = 60_000
const ENROLL_MS = 3_600_000

export type BilledClassifier = {
  /** Jobs that came to their end. */
  done: () => number
  /** Waits, without letting time pass, until a wake-up that was sent has made it claim. */
  wakes(): Promise<void>
  /** Lets the simulated time pass, and all that falls due in it be done. */
  pass(ms: number): Promise<void>
  /** Lets the simulated time pass until it is so. */
  passUntil(condition: () => boolean): Promise<void>
  stop(): Promise<void>
}

/**
 * The classifier's loops as they are, on simulated time (vi.useFakeTimers), in front of a lane that takes `inferMs` and looks
 * at no picture. Only its two chores, the clock and the hourly enroll, are put together here.
 */
export async function startBilledClassifier(
  { redis, keys }: { redis: RedisRest; keys: Keys },
  { lanes, inferMs = 25 }: { lanes: number; inferMs?: number },
): Promise<BilledClassifier> {
  const leave = new AbortController()
  const { signal } = leave
  let inFlight = 0
  let sent = 0
  let done = 0
  const busy = async (call: () => Promise<unknown>) => {
    inFlight++
    sent++
    return call().finally(() => inFlight--)
  }
  const watched = aroundRedis(redis, busy)
  const store = new JobStore(watched, keys, DEFAULT_STORE_LIMITS)
  const registry = new Registry(watched, keys)
  const reachability = new Reachability(silentLog)
  const waker = new Waker()
  const active = new ActiveJobs(() => waker.wake())
  const metrics = createMetrics({ lanes: () => lanes, free: () => lanes, active: () => active.size })
  const meter = new ServiceMeter()
  const now = () => Date.now()
  const pool = createLanes(lanes, inferMs)
  const runner = {
    store,
    pool,
    outputs: noOutputs,
    now,
    meter,
    isBacklogged: () => false,
    metrics,
    reachability,
    log: silentLog,
    source: noSource,
    tracer: silentTracer,
    shutdown: signal,
    giveUp: signal,
  }
  const every = async (ms: number, chore: () => Promise<unknown>) => {
    for (;;) {
      await sleep(ms, signal)
      if (signal.aborted) return
      await chore()
    }
  }

  const enroll = async () => {
    await announceSchema(watched, keys)
    await registry.enroll([MODEL], now())
    await findEviction(watched)
  }
  await enroll()
  const deliverer = new Deliverer({
    outbox: new Outbox(watched, keys, { resultTtlMs: 86_400_000 }),
    send: () => Promise.reject(new Error("No job here has a webhook")),
    now,
    isListening: () => listener.isListening(),
    reachability,
    log: silentLog,
  })
  const feeder = new BatchEnqueuer({
    store: new BatchStore(watched, keys, DEFAULT_STORE_LIMITS),
    now,
    isListening: () => listener.isListening(),
    reachability,
    log: silentLog,
  })
  const onOutbox = () => deliverer.look()
  const onBatches = () => feeder.look()
  const channel = keys.wakeChannel
  const listener = listenToQueue({
    redis: watched,
    channel,
    active,
    waker,
    onOutbox,
    onBatches,
    signal,
    log: silentLog,
  })
  const loops = [
    listener.ended,
    deliverer.run(signal),
    feeder.run(signal),
    every(CLOCK_MS, () => watched.time()),
    every(ENROLL_MS, enroll),
    renewLeases({ store, active, leaseMs: LEASE_MS, now, reachability }, signal),
    runClaimLoop(
      {
        store,
        worker: "w",
        queues: (kind) => queuesOf([MODEL.id], kind),
        lanes,
        fetches: 32,
        leaseMs: LEASE_MS,
        active,
        waker,
        broken: () => [],
        knownEmpty: listener.knownEmpty,
        isListening: listener.isListening,
        mayReap: () => true,
        start: (job) => active.start(job, (stopped) => runJob(runner, job, stopped).then(() => void done++)),
        now,
        meter,
        metrics,
        reachability,
        log: silentLog,
      },
      signal,
    ),
  ]
  // Whatever was sent is answered, and whoever waited for the answer has gone on, before the time does.
  const settle = async () => {
    for (let quiet = 0; quiet < 5; quiet = inFlight === 0 ? quiet + 1 : 0) await new Promise(setImmediate)
  }
  const passUntil = async (condition: () => boolean, untilMs = Number.POSITIVE_INFINITY) => {
    for (await settle(); !condition(); await settle()) {
      const nextMs = Math.min(untilMs - Date.now(), 10)
      await (vi.getTimerCount() > 0 ? vi.advanceTimersToNextTimerAsync() : vi.advanceTimersByTimeAsync(nextMs))
    }
  }
  await passUntil(listener.isListening)
  await settle()
  return {
    done: () => done,
    async wakes() {
      for (const before = sent; sent === before; ) await new Promise(setImmediate)
    },
    pass: async (ms) => {
      const endMs = Date.now() + ms
      // A timer of our own, so that the time stops there and not at whatever comes later.
      const end = sleep(ms, signal)
      await passUntil(() => Date.now() >= endMs)
      await end
    },
    passUntil,
    async stop() {
      leave.abort()
      await passUntil(() => inFlight === 0)
      await Promise.all(loops)
    },
  }
}

/** So many jobs at a time, each for `inferMs`. */
function createLanes(lanes: number, inferMs: number) {
  const free: Promise<unknown>[] = Array.from({ length: lanes }, () => Promise.resolve())
  let turn = 0
  return {
    async run() {
      const lane = turn++ % lanes
      const work = (free[lane] ?? Promise.resolve()).then(() => sleep(inferMs))
      free[lane] = work
      await work
      return {
        modelVersion: "1",
        predictions: [{ label: "red", probability: 1, classIndex: 0 }],
        image: { format: "png", width: 8, height: 8, orientation: 1 },
        timingsMs: { decode: 0, infer: inferMs },
      }
    },
  }
}
