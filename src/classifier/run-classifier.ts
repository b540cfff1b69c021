import type { ClaimedJob } from "../lib/queue/job.ts"
import { queuesOf } from "../lib/queue/queue-name.ts"
import { flushOften } from "../lib/trace/flush-often.ts"
import type { Classifier } from "./compose-classifier.ts"
import { runClaimLoop } from "./jobs/claim-loop.ts"
import { renewLeases } from "./jobs/renew-leases.ts"
import { runJob } from "./jobs/run-job.ts"
import { every } from "./loops/every.ts"
import { CLOCK_MS, keepTime } from "./loops/keep-time.ts"
import { untilReached } from "./loops/until-reached.ts"

const ENROLL_MS = 3_600_000
/** How long active jobs may still try to reach Redis once the process shuts down. */
const SHUTDOWN_MS = 20_000

/** Waits for Redis, and works until the signal is aborted; then finishes the active jobs and withdraws. */
export async function runClassifier(classifier: Classifier, signal: AbortSignal): Promise<void> {
  const { pool, active, tracer, registry, source, worker, log } = classifier
  try {
    await untilReached(() => classifier.clock.correct(3), { ...classifier, signal })
    await untilReached(classifier.enroll, { ...classifier, signal })
  } catch (error) {
    if (signal.aborted) return
    throw error
  }
  log.info("classifier.ready", {
    worker,
    lanes: pool.lanes,
    models: pool.models.map(({ id, version }) => `${id}@${version}`),
  })

  // Active jobs outlive the signal: their leases are renewed, and Redis is tried, until all have ended or time is up.
  const giveUp = new AbortController()
  const allDone = new AbortController()
  const flushing = flushOften(tracer, allDone.signal)
  const chores = startChores(classifier, signal)
  const loops = startLoops(classifier, giveUp.signal, signal)
  const claiming = claim(classifier, giveUp.signal, signal)
  // A loop that throws ends the process: its supervisor starts a better one.
  await Promise.race([claiming, Promise.all([claiming, ...loops])])
  log.info("classifier.stopping", { active: active.size })
  const timer = setTimeout(() => giveUp.abort(), SHUTDOWN_MS)
  await active.drained()
  await source.close()
  clearTimeout(timer)
  giveUp.abort()
  await Promise.all([...chores, ...loops])
  await registry.leave(worker).catch((error: unknown) => log.warn("classifier.not_withdrawn", { error }))
  allDone.abort()
  await flushing
}

/** What is done now and then beside the jobs. */
function startChores(classifier: Classifier, signal: AbortSignal): Promise<void>[] {
  const { config, clock, listener, models, pool, waker, enroll } = classifier
  // The lanes first, then those who send jobs for what is new; an outage is made up for by the next enrolment.
  const onModels = async () => {
    pool.setModels(models.served)
    waker.wake()
    await untilReached(enroll, { ...classifier, signal })
  }
  return [
    listener.run(signal),
    keepTime(clock, signal),
    every(ENROLL_MS, enroll, { signal, onError: () => undefined }),
    models.watch(config.MODEL_LOOK_MS, onModels, signal),
  ]
}

function startLoops(classifier: Classifier, giveUp: AbortSignal, signal: AbortSignal): Promise<void>[] {
  const { config, clock, deliverer, enqueuer } = classifier
  const renewing = renewLeases({ ...classifier, leaseMs: config.LEASE_MS, now: clock.now }, giveUp)
  return [renewing, deliverer.run(signal), enqueuer.run(signal)]
}

function claim(classifier: Classifier, giveUp: AbortSignal, signal: AbortSignal): Promise<void> {
  const { config, clock, pool, active, models, listener } = classifier
  const { LEASE_MS: leaseMs, FETCHES: fetches } = config
  const isBacklogged = () => active.size - active.fetches > pool.lanes
  const runner = {
    ...classifier,
    now: clock.now,
    isBacklogged,
    shutdown: signal,
    giveUp,
    backoffMs: config.RETRY_BACKOFF_MS,
  }
  const loop = {
    ...classifier,
    ...{ leaseMs, fetches, lanes: pool.lanes, now: clock.now },
    ...{ knownEmpty: listener.knownEmpty, isListening: listener.isListening },
    queues: (kind: { urls: boolean }) => {
      const ids = pool.models.map(({ id }) => id)
      return queuesOf(ids, kind)
    },
    broken: () => models.broken,
    // A worker that has not noticed the step yet writes leases by the old time.
    mayReap: () => clock.steadyForMs() > CLOCK_MS + leaseMs,
    start: (job: ClaimedJob) => active.start(job, (stopped) => runJob(runner, job, stopped)),
  }
  return runClaimLoop(loop, signal)
}
