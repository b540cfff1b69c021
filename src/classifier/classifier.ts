import { hostname } from "node:os"
import { BatchStore } from "../lib/batches/batch-store.ts"
import type { Log } from "../lib/log.ts"
import { StoredOutputs } from "../lib/outputs/stored-outputs.ts"
import { newJobId } from "../lib/queue/job-id.ts"
import { JobStore } from "../lib/queue/job-store.ts"
import { createKeys, SCHEMA_VERSION } from "../lib/queue/keys.ts"
import { outputLimits, sealerOf, sizeLimits, storeLimits } from "../lib/queue/queue-config.ts"
import { queuesOf } from "../lib/queue/queue-name.ts"
import { Registry } from "../lib/queue/registry.ts"
import { announceSchema } from "../lib/queue/schema-version.ts"
import { connectRedis, type RedisRest } from "../lib/redis/redis.ts"
import { RedisClock } from "../lib/redis/redis-clock.ts"
import { sleep } from "../lib/sleep.ts"
import { flushOften } from "../lib/trace/flush-often.ts"
import { traceTarget } from "../lib/trace/trace-config.ts"
import { createTracer } from "../lib/trace/tracer.ts"
import { BatchEnqueuer } from "./batches/batch-enqueuer.ts"
import { type ClassifierConfig, memoryLimitBytes } from "./config.ts"
import { download } from "./fetch/download.ts"
import { openPictureSource } from "./fetch/open-picture-source.ts"
import { startHealthServer } from "./health/health-server.ts"
import { createMetrics } from "./health/metrics.ts"
import { addModelMetrics, reportModels } from "./health/model-metrics.ts"
import { EvictionWatch, Readiness } from "./health/readiness.ts"
import { chooseCodec } from "./image/open-codec.ts"
import { ActiveJobs } from "./jobs/active-jobs.ts"
import { runClaimLoop } from "./jobs/claim-loop.ts"
import { ForcedShutdown } from "./jobs/forced-shutdown.ts"
import { listenToQueue } from "./jobs/queue-listener.ts"
import { renewLeases } from "./jobs/renew-leases.ts"
import { type JobRunner, runJob } from "./jobs/run-job.ts"
import { ServiceMeter } from "./jobs/service-meter.ts"
import { LanePool } from "./lane/lane-pool.ts"
import { openModelWatcher } from "./lane/open-model-watcher.ts"
import { Reachability, untilReached } from "./loops/until-reached.ts"
import { Waker } from "./loops/waker.ts"
import type { ModelWatcher } from "./models/model-watcher.ts"
import { createOutputStore, keepsInRedis } from "./outputs/create-output-store.ts"
import { createDeliverer } from "./webhooks/create-deliverer.ts"

const CLOCK_MS = 60_000
/** How soon this machine's own clocks are seen to disagree. */
const CLOCK_LOOK_MS = 1_000
const ENROLL_MS = 3_600_000
/** How long active jobs may still try to reach Redis once the process shuts down. */
const SHUTDOWN_MS = 20_000

export type ServeOptions = {
  modelRoots: readonly string[]
  log: Log
  signal: AbortSignal
  /** The compiled lane thread; tests name another. */
  laneEntry?: URL
}

/** Serves models until the signal is aborted; then finishes the active jobs and returns. @throws when it cannot start */
export async function serve(
  config: ClassifierConfig,
  { modelRoots, log, signal, laneEntry }: ServeOptions,
): Promise<void> {
  const { models, close } = await openModelWatcher(modelRoots, log)
  const { DEFAULT_MODEL: wanted } = config
  // Its folder may still come, or another classifier have it; a misspelt one must not go unseen.
  if (wanted !== undefined && !models.served.some(({ info }) => info.id === wanted))
    log.warn("model.default_missing", { model: wanted, served: models.served.map(({ info }) => info.id) })
  const kill = () => process.kill(process.pid, "SIGKILL")
  const forced = new ForcedShutdown({ maxMemoryBytes: memoryLimitBytes(config), log, kill })
  try {
    const pool = await LanePool.start({
      lanes: config.LANES,
      models: models.served,
      warmModel: config.DEFAULT_MODEL,
      modelMemoryBytes: config.MODEL_MEMORY_MB * 2 ** 20,
      codec: await chooseCodec(config.CODEC, log),
      limits: {
        ...sizeLimits(config),
        maxBytes: config.MAX_IMAGE_BYTES,
        maxDecodeBytes: config.MAX_DECODE_BYTES,
        ...(keepsInRedis(config) && { maxOutputBytes: config.MAX_OUTPUT_BYTES }),
      },
      jobTimeoutMs: config.JOB_TIMEOUT_MS,
      // Every active job may come to wait for a lane.
      maxWaiting: config.FETCHES + 2 * config.LANES,
      onStuck: () => forced.onStuck(),
      ...(laneEntry && { entry: laneEntry }),
      log,
    })
    try {
      await serveWith(config, { models, pool, forced, log, signal: AbortSignal.any([signal, forced.signal]) })
    } finally {
      forced.release()
      await pool.close()
    }
  } finally {
    close()
  }
}

type Ground = Pick<ServeOptions, "log" | "signal"> & { models: ModelWatcher; pool: LanePool; forced: ForcedShutdown }

async function serveWith(config: ClassifierConfig, { models, pool, forced, log, signal }: Ground): Promise<void> {
  const reachability = new Reachability(log)
  const waker = new Waker()
  const active = new ActiveJobs(() => waker.wake())
  forced.guard(pool, active)
  const metrics = createMetrics({ lanes: () => pool.lanes, free: () => pool.free, active: () => active.size })
  addModelMetrics(metrics.registry, pool)
  const redis = connectRedis({ url: config.UPSTASH_REDIS_REST_URL, token: config.UPSTASH_REDIS_REST_TOKEN, download })
  const eviction = new EvictionWatch(redis, { allowed: config.ALLOW_EVICTION, log })
  const readiness = new Readiness({ redis, reachability, eviction: () => eviction.problem })
  const health = await startHealthServer({
    host: config.HEALTH_HOST,
    port: config.HEALTH_PORT,
    allowedHosts: [config.HEALTH_HOST.toLowerCase(), ...config.ALLOWED_HOSTS],
    metrics,
    problem: () => readiness.problem(),
    models: () => ({
      models: reportModels(pool),
      broken: models.broken.map(({ id, folder, code, message }) => ({ id, folder, code, message })),
    }),
    log,
  })
  await work(config, {
    models,
    pool,
    forced,
    active,
    waker,
    metrics,
    reachability,
    redis,
    eviction,
    health: health.url,
    log,
    signal,
  })
  await health.close()
}

type Parts = Ground & {
  active: ActiveJobs
  waker: Waker
  metrics: ReturnType<typeof createMetrics>
  reachability: Reachability
  redis: RedisRest
  eviction: EvictionWatch
  health: string
}

async function work(config: ClassifierConfig, parts: Parts): Promise<void> {
  const { models, pool, active, waker, metrics, reachability, redis, log, signal } = parts
  const keys = createKeys()
  const sealer = sealerOf(config)
  const store = new JobStore(redis, keys, storeLimits(config), sealer)
  const registry = new Registry(redis, keys)
  // What is due, and what is leased, was reckoned by another time.
  const onStep = (byMs: number) => {
    log.warn("clock.stepped", { byMs })
    deliverer.look()
    enqueuer.look()
    waker.wake()
  }
  const clock = new RedisClock(redis, { onStep })
  const meter = new ServiceMeter()
  const worker = `${hostname()}-${process.pid}-${newJobId(Date.now()).slice(-6)}`
  const enroll = async () => {
    const found = await announceSchema(redis, keys)
    if (found !== null) log.warn("schema.other_version", { found, own: SCHEMA_VERSION })
    await registry.enroll(pool.models, clock.now())
    await parts.eviction.look()
  }
  const { now } = clock
  const outputs = createOutputStore(config, {
    stored: new StoredOutputs(redis, keys, outputLimits(config), sealer),
    now,
  })
  const { LEASE_MS: leaseMs } = config

  try {
    await untilReached(() => clock.correct(3), { reachability, signal })
    await untilReached(enroll, { reachability, signal })
  } catch (error) {
    if (signal.aborted) return
    throw error
  }
  const served = pool.models.map(({ id, version }) => `${id}@${version}`)
  log.info("classifier.ready", { worker, lanes: pool.lanes, models: served, health: parts.health })

  // Active jobs outlive the signal: their leases are renewed, and Redis is tried, until all have ended or time is up.
  const giveUp = new AbortController()
  const isBacklogged = () => active.size - active.fetches > pool.lanes
  const source = openPictureSource(config)
  const tracer = createTracer(traceTarget(config, "classifier"), { part: "classifier", log })
  const runner: JobRunner = {
    ...{ store, pool, source, outputs, now, meter, isBacklogged, metrics, reachability, log, tracer },
    shutdown: signal,
    giveUp: giveUp.signal,
  }
  const isListening = () => listener.isListening()
  const count = (outcome: string) => metrics.webhooks.inc({ outcome })
  const deliverer = await createDeliverer(config, { redis, keys, now, isListening, reachability, log, tracer, count })
  const batches = new BatchStore(redis, keys, storeLimits(config), sealer)
  const enqueuer = new BatchEnqueuer({ store: batches, now, isListening, reachability, log })
  const onOutbox = () => deliverer.look()
  const onBatches = () => enqueuer.look()
  const channel = keys.wakeChannel
  const listener = listenToQueue({ redis, channel, active, waker, onOutbox, onBatches, signal, log })
  const delivering = deliverer.run(signal)
  const allDone = new AbortController()
  const flushing = flushOften(tracer, allDone.signal)
  const enqueuing = enqueuer.run(signal)
  const renewing = renewLeases({ store, active, leaseMs, now, reachability }, giveUp.signal)
  // The lanes first, then those who send jobs for what is new; an outage is made up for by the next enrolment.
  const onModels = async () => {
    pool.setModels(models.served)
    waker.wake()
    await untilReached(enroll, { reachability, signal })
  }
  const chores = [
    listener.ended,
    every(CLOCK_LOOK_MS, signal, () => clock.keep(CLOCK_MS)),
    every(ENROLL_MS, signal, enroll),
    models.watch(config.MODEL_LOOK_MS, onModels, signal),
  ]
  const claiming = runClaimLoop(
    {
      store,
      worker,
      queues: (kind) =>
        queuesOf(
          pool.models.map(({ id }) => id),
          kind,
        ),
      lanes: pool.lanes,
      fetches: config.FETCHES,
      leaseMs,
      active,
      waker,
      broken: () => models.broken,
      knownEmpty: listener.knownEmpty,
      isListening: listener.isListening,
      // Who has not noticed the step yet writes leases by the old time.
      mayReap: () => clock.steadyForMs() > CLOCK_MS + leaseMs,
      start: (job) => active.start(job, (stopped) => runJob(runner, job, stopped)),
      now,
      meter,
      metrics,
      reachability,
      log,
    },
    signal,
  )
  // A loop that throws ends the process: its supervisor starts a better one.
  await Promise.race([claiming, Promise.all([renewing, claiming, delivering, enqueuing])])
  log.info("classifier.stopping", { active: active.size })
  const timer = setTimeout(() => giveUp.abort(), SHUTDOWN_MS)
  await active.drained()
  await source.close()
  clearTimeout(timer)
  giveUp.abort()
  await Promise.all([...chores, renewing, delivering, enqueuing])
  await registry.leave(worker).catch((error: unknown) => log.warn("classifier.not_withdrawn", { error }))
  allDone.abort()
  await flushing
}

/** Does something now and then; an outage only means that it is done later. */
async function every(ms: number, signal: AbortSignal, chore: () => Promise<unknown>): Promise<void> {
  for (;;) {
    await sleep(ms, signal)
    if (signal.aborted) return
    await chore().catch(() => "the next time will do")
  }
}
