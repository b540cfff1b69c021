import { hostname } from "node:os"
import { newJobId } from "../lib/job-id.ts"
import { JobStore } from "../lib/job-store.ts"
import { createKeys } from "../lib/keys.ts"
import type { Log } from "../lib/log.ts"
import { storeLimits } from "../lib/queue-config.ts"
import { connectRedis } from "../lib/redis.ts"
import { Registry } from "../lib/registry.ts"
import { sleep } from "../lib/sleep.ts"
import { listenForWakeUps } from "../lib/wake-up.ts"
import { runClaimLoop } from "./claim-loop.ts"
import type { ClassifierConfig } from "./config.ts"
import { Hand } from "./hand.ts"
import { startHealthServer } from "./health-server.ts"
import { LanePool } from "./lane/lane-pool.ts"
import { createMetrics } from "./metrics.ts"
import type { ModelFolder } from "./models/find-models.ts"
import { RedisClock } from "./redis-clock.ts"
import { renewLeases } from "./renew-leases.ts"
import { runJob } from "./run-job.ts"
import { ServiceMeter } from "./service-meter.ts"
import { Reachability, untilReached } from "./until-reached.ts"
import { Waker } from "./waker.ts"

const CLOCK_MS = 60_000
const ENROLL_MS = 3_600_000
/** How long jobs in hand may still try to reach Redis once the process is asked to leave. */
const LEAVE_MS = 20_000

/** Serves models until the signal is aborted; then finishes what is in hand and returns. @throws when it cannot start */
export async function serve(
  config: ClassifierConfig,
  { modelFolders, log, signal }: { modelFolders: readonly ModelFolder[]; log: Log; signal: AbortSignal },
): Promise<void> {
  const redis = connectRedis({ url: config.UPSTASH_REDIS_REST_URL, token: config.UPSTASH_REDIS_REST_TOKEN })
  const keys = createKeys()
  const store = new JobStore(redis, keys, storeLimits(config))
  const registry = new Registry(redis, keys)
  const clock = new RedisClock(redis)
  const reachability = new Reachability(log)
  const meter = new ServiceMeter()
  const worker = `${hostname()}-${process.pid}-${newJobId(Date.now()).slice(-6)}`

  const pool = await LanePool.start({
    lanes: config.LANES,
    modelFolders,
    limits: { maxPixels: config.MAX_IMAGE_PIXELS, maxBytes: config.MAX_IMAGE_BYTES },
    jobTimeoutMs: config.JOB_TIMEOUT_MS,
    log,
  })
  const queueWaker = new Waker()
  const handWaker = new Waker()
  const hand = new Hand(() => handWaker.wake())
  const metrics = createMetrics({ lanes: () => pool.lanes, free: () => pool.free, inHand: () => hand.size })
  const health = await startHealthServer({
    host: config.HEALTH_HOST,
    port: config.HEALTH_PORT,
    metrics,
    problem: () => (reachability.isUp ? null : "Redis cannot be reached"),
  })

  const reach = { reachability, signal }
  const enroll = () => untilReached(() => registry.enroll(pool.models, clock.now()), reach)
  const giveUp = new AbortController()
  let isListening = false
  const onMessage = (message: string) => {
    const canceled = message.match(/^canceled:(.+)$/)?.[1]
    if (canceled !== undefined) hand.stop(canceled, "the ticket was canceled")
    queueWaker.wake()
  }

  try {
    await untilReached(() => clock.correct(), reach)
    await enroll()
    const models = pool.models.map(({ id, version }) => `${id}@${version}`)
    log.info("classifier.ready", { worker, lanes: pool.lanes, models, health: health.url })
    const runner = { store, pool, now: clock.now, meter, metrics, reachability, log, giveUp: giveUp.signal }
    await Promise.all([
      listenForWakeUps({
        redis,
        channel: keys.wakeChannel,
        onMessage,
        onConnected: () => {
          isListening = true
          queueWaker.wake()
        },
        onDisconnected: () => {
          isListening = false
          queueWaker.wake()
        },
        signal,
        log,
      }),
      every(CLOCK_MS, signal, () => clock.correct()),
      every(ENROLL_MS, signal, enroll),
      renewLeases({ store, hand, leaseMs: config.LEASE_MS, now: clock.now, reachability }, giveUp.signal).finally(
        () => undefined,
      ),
      runClaimLoop(
        {
          store,
          worker,
          models: () => pool.models,
          lanes: pool.lanes,
          leaseMs: config.LEASE_MS,
          hand,
          queueWaker,
          handWaker,
          isListening: () => isListening,
          start: (job) => hand.take(job, (stopped) => runJob(runner, job, stopped)),
          now: clock.now,
          meter,
          metrics,
          reachability,
        },
        signal,
      ).then(async () => {
        log.info("classifier.leaving", { inHand: hand.size })
        const timer = setTimeout(() => giveUp.abort(), LEAVE_MS)
        await hand.empty()
        clearTimeout(timer)
        giveUp.abort()
      }),
    ])
    await registry.leave(worker)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    giveUp.abort()
    await pool.close()
    await health.close()
  }
}

/** Does something now and then; an outage only means that it is done later. */
async function every(ms: number, signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    await sleep(ms, signal)
    if (signal.aborted) return
    await work().catch(() => "the next time will do")
  }
}
