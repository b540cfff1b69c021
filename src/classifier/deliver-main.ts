import * as z from "zod"
import { healthEnv } from "../health/config.ts"
import { createRegistry } from "../health/create-registry.ts"
import { startHealthServer } from "../health/health-server.ts"
import { addQueueMetrics } from "../health/queue-metrics.ts"
import { warnMisspelt } from "../health/warn-misspelt.ts"
import { parseEnv } from "../lib/env.ts"
import type { Log } from "../lib/log.ts"
import { queueEnv, storeLimits } from "../lib/queue/queue-config.ts"
import { Registry } from "../lib/queue/registry.ts"
import { createKeys } from "../lib/redis/keys.ts"
import { RedisClock } from "../lib/redis/redis-clock.ts"
import { flushOften } from "../lib/trace/flush-often.ts"
import { traceTarget } from "../lib/trace/trace-config.ts"
import { createTracer } from "../lib/trace/tracer.ts"
import { openRedis, redisEnv, requireRedis } from "../redis-tcp/open-redis.ts"
import { createWebhookCounter } from "./health/metrics.ts"
import { EvictionWatch, Readiness } from "./health/readiness.ts"
import { listenForWakeUps } from "./jobs/wake-up.ts"
import { keepTime } from "./loops/keep-time.ts"
import { Reachability, untilReached } from "./loops/until-reached.ts"
import { runProcess } from "./run-process.ts"
import { webhookEnv } from "./webhooks/config.ts"
import { createDeliverer } from "./webhooks/create-deliverer.ts"

const deliverEnv = z.object({ ...redisEnv, ...queueEnv, ...webhookEnv, ...healthEnv(8790) }).check(requireRedis)

/** Delivers webhooks, beside or instead of the classifiers. */
async function deliver(config: z.infer<typeof deliverEnv>, log: Log, signal: AbortSignal): Promise<void> {
  warnMisspelt(log, process.env, Object.keys(deliverEnv.shape))
  const redis = openRedis(config)
  const keys = createKeys()
  const onStep = (byMs: number) => {
    log.warn("clock.stepped", { byMs })
    deliverer.look()
  }
  const clock = new RedisClock(redis, { onStep })
  const reachability = new Reachability(log)
  const tracer = createTracer(traceTarget(config, "deliverer"), { part: "deliverer", log })
  const eviction = new EvictionWatch(redis, { allowed: config.ALLOW_EVICTION, log })
  const readiness = new Readiness({ redis, reachability, eviction: () => eviction.problem })
  const findProblem = () => readiness.problem()
  const prometheus = createRegistry(findProblem)
  const webhooks = createWebhookCounter(prometheus)
  const registry = new Registry(redis, keys)
  addQueueMetrics(prometheus, { redis, keys, limits: storeLimits(config), registry, now: clock.now })
  const health = await startHealthServer({
    host: config.HEALTH_HOST,
    port: config.HEALTH_PORT,
    allowedHosts: [config.HEALTH_HOST.toLowerCase(), ...config.ALLOWED_HOSTS],
    registry: prometheus,
    findProblem,
    log,
  })
  let isListening = false
  const count = (outcome: string) => webhooks.inc({ outcome })
  const parts = { redis, keys, now: clock.now, isListening: () => isListening, reachability, log, tracer, count }
  const deliverer = await createDeliverer(config, parts)
  await untilReached(() => clock.correct(3), { reachability, signal })
  await untilReached(() => eviction.look(), { reachability, signal })
  log.info("deliverer.ready")

  const setListening = (value: boolean) => () => {
    isListening = value
    deliverer.look()
  }
  const listening = listenForWakeUps({
    redis,
    channel: keys.wakeChannel,
    onMessage: ({ kind }) => {
      if (kind === "outbox") deliverer.look()
    },
    onConnected: setListening(true),
    onDisconnected: setListening(false),
    signal,
    log,
  })
  const allDone = new AbortController()
  const flushing = flushOften(tracer, allDone.signal)
  await Promise.all([deliverer.run(signal), listening, keepTime(clock, signal)])
  allDone.abort()
  await flushing
  await health.close()
  redis.close()
}

await runProcess(
  "deliverer",
  () => parseEnv(deliverEnv, process.env),
  (config, log, signal) =>
    deliver(config, log, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error
    }),
)
