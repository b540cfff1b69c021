import { hostname } from "node:os"
import { createRegistry } from "../health/create-registry.ts"
import { addQueueMetrics } from "../health/queue-metrics.ts"
import { BatchStore } from "../lib/batches/batch-store.ts"
import type { Log } from "../lib/log.ts"
import { outputLimits, StoredOutputs } from "../lib/outputs/stored-outputs.ts"
import { newJobId } from "../lib/queue/job-id.ts"
import { JobStore } from "../lib/queue/job-store.ts"
import { sealerOf, storeLimits } from "../lib/queue/queue-config.ts"
import { Registry } from "../lib/queue/registry.ts"
import { recordSchema } from "../lib/queue/schema-version.ts"
import { createKeys, SCHEMA_VERSION } from "../lib/redis/keys.ts"
import type { Redis } from "../lib/redis/redis.ts"
import { RedisClock } from "../lib/redis/redis-clock.ts"
import { traceTarget } from "../lib/trace/trace-config.ts"
import { createTracer } from "../lib/trace/tracer.ts"
import { BatchEnqueuer } from "./batches/batch-enqueuer.ts"
import type { ClassifierConfig } from "./config.ts"
import { openPictureSource } from "./fetch/open-picture-source.ts"
import { createMetrics, createWebhookCounter } from "./health/metrics.ts"
import { addModelMetrics } from "./health/model-metrics.ts"
import { EvictionWatch, Readiness } from "./health/readiness.ts"
import { ActiveJobs } from "./jobs/active-jobs.ts"
import { QueueListener } from "./jobs/queue-listener.ts"
import { ServiceMeter } from "./jobs/service-meter.ts"
import type { LanePool } from "./lane/lane-pool.ts"
import { Reachability } from "./loops/until-reached.ts"
import { Waker } from "./loops/waker.ts"
import type { ModelWatcher } from "./models/model-watcher.ts"
import { createOutputStore } from "./outputs/create-output-store.ts"
import { createDeliverer } from "./webhooks/create-deliverer.ts"

export type ClassifierDeps = {
  redis: Redis
  pool: Pick<LanePool, "run" | "lanes" | "free" | "models" | "setModels" | "held">
  models: Pick<ModelWatcher, "served" | "broken" | "watch">
  log: Log
}

export type Classifier = Awaited<ReturnType<typeof composeClassifier>>

/** Puts a classifier together from its Redis, lanes and models. Asks Redis nothing: that begins with runClassifier(). */
export async function composeClassifier(config: ClassifierConfig, deps: ClassifierDeps) {
  const { redis, pool, log } = deps
  const keys = createKeys()
  const sealer = sealerOf(config)
  const limits = storeLimits(config)
  const reachability = new Reachability(log)
  const eviction = new EvictionWatch(redis, { allowed: config.ALLOW_EVICTION, log })
  const waker = new Waker()
  const active = new ActiveJobs(() => waker.wake())
  const readiness = new Readiness({ redis, reachability, eviction: () => eviction.problem })
  const findProblem = () => readiness.problem()
  const prometheus = createRegistry(findProblem)
  const metrics = createMetrics(prometheus, {
    engine: config.ENGINE,
    lanes: () => pool.lanes,
    free: () => pool.free,
    active: () => active.size,
  })
  const webhooks = createWebhookCounter(prometheus)
  addModelMetrics(prometheus, pool)
  const tracer = createTracer(traceTarget(config, "classifier"), { part: "classifier", log })
  // What is due, and what is leased, was reckoned by another time.
  const onStep = (byMs: number) => {
    log.warn("clock.stepped", { byMs })
    deliverer.look()
    enqueuer.look()
    waker.wake()
  }
  const clock = new RedisClock(redis, { onStep })
  const { now } = clock
  const onOutbox = () => deliverer.look()
  const onBatches = () => enqueuer.look()
  const listener = new QueueListener({ redis, channel: keys.wakeChannel, active, waker, onOutbox, onBatches, log })
  const shared = { now, isListening: listener.isListening, reachability, log }
  const count = (outcome: string) => webhooks.inc({ outcome })
  const deliverer = await createDeliverer(config, { ...shared, redis, keys, tracer, count })
  const enqueuer = new BatchEnqueuer({ ...shared, store: new BatchStore(redis, keys, limits, sealer) })
  const registry = new Registry(redis, keys)
  addQueueMetrics(prometheus, { redis, keys, limits, registry, now })
  const stored = new StoredOutputs(redis, keys, outputLimits(config), sealer)
  return {
    ...deps,
    config,
    clock,
    listener,
    deliverer,
    enqueuer,
    registry,
    active,
    waker,
    metrics,
    prometheus,
    findProblem,
    tracer,
    reachability,
    eviction,
    worker: `${hostname()}-${process.pid}-${newJobId(Date.now()).slice(-6)}`,
    store: new JobStore(redis, keys, limits, sealer),
    meter: new ServiceMeter(),
    source: openPictureSource(config),
    outputs: createOutputStore(config, { stored, now }),
    /** Tells the registry what is served, and looks at Redis' settings. */
    async enroll(): Promise<void> {
      const found = await recordSchema(redis, keys)
      if (found !== null) log.warn("schema.other_version", { found, own: SCHEMA_VERSION })
      await registry.enroll(pool.models, now())
      await eviction.look()
    },
  }
}
