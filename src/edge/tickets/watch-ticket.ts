import { isOutage } from "../../lib/app-error.ts"
import type { Job } from "../../lib/queue/job.ts"
import type { Enqueued } from "../../lib/queue/new-job.ts"
import { LOOK, LookPace, type Pace, type PollHint, pollHint } from "../../lib/queue/poll-hint.ts"
import { resolveJob, type Ticket, toTicket, type Wait } from "../../lib/tickets/ticket.ts"
import type { Services } from "../services.ts"

/** When to ask again while Redis cannot say. */
const AWAY_POLL_MS = 1_000

/** A classifier that is started again is back by then; without one there is nothing to wait for in a request. */
const NO_CLASSIFIER_WAIT_MS = 2_000

/** No job is claimed until an operator resumes the queue. */
const WHILE_PAUSED: PollHint = { etaMs: null, pollAfterMs: 5_000 }

/** After this time at the head of its queue, a job's wake-up may have been lost: it is sent again. */
const OVERDUE_MS = 2_000

const isWaiting = (job: Job) => job.state === "queued" || job.state === "processing"

/** Reads a job with its leader's state, or null. One past its deadline is failed here, by the time of Redis. */
export async function readJob({ store, now, askNow }: Services, jobId: string): Promise<Job | null> {
  const job = await store.read(jobId)
  if (job === null) return null
  const resolved = await withLeader(store, job)
  if (resolved === null) return null
  const mayBeLate = resolved.state === "queued" && resolved.startedMs === undefined && now() > job.deadlineMs
  const nowMs = mayBeLate ? await askNow() : job.deadlineMs
  if (nowMs <= job.deadlineMs) return resolved
  const left = await store.expire(jobId, nowMs)
  return left.job === null ? null : withLeader(store, left.job)
}

/** Null when its leader is gone: the ticket may have been done, and must not change. */
async function withLeader(store: Services["store"], job: Job): Promise<Job | null> {
  if (job.leader === undefined || job.state !== "queued") return resolveJob(job, null)
  const leader = await store.read(job.leader)
  return leader && resolveJob(job, leader)
}

/** A job as its ticket, with its place in the queue and when to ask again. */
export async function describeJob(services: Services, job: Job, knownPosition?: number | null): Promise<Ticket> {
  if (!isWaiting(job)) return toTicket(job, null)
  return toTicket(job, await waitOf(services, job, { knownPosition }))
}

/** What is known of the wait of a job that is not done. */
async function waitOf(
  services: Services,
  job: Job,
  { knownPosition, pace }: { knownPosition?: number | null | undefined; pace?: Pace } = {},
): Promise<Wait> {
  const { image } = job.input
  const rate = await services.registry.rate(job.queue, image && (image.width * image.height) / 1e6)
  const position = job.state === "queued" ? (knownPosition ?? (await positionOf(services, job))) : null
  const ageMs = (sinceMs: number) => Math.max(0, services.now() - sinceMs)
  const pause = job.state === "queued" ? await services.registry.pauseOf(job.queue) : null
  const isOverdue = position === 0 && pause === null && rate.classifiers > 0 && ageMs(job.createdMs) > OVERDUE_MS
  if (isOverdue && services.overdueWakes.isDue(job.queue)) {
    await unlessAway(() => services.store.wakeClassifiers(job.queue))
  }
  const progress =
    position === null
      ? { processingForMs: ageMs(job.startedMs ?? services.now()), ahead: job.state === "processing" ? job.ahead : 0 }
      : { position, waitingForMs: ageMs(job.createdMs) }
  const hint = pause !== null ? WHILE_PAUSED : afterBackoff(pollHint(progress, rate, pace), job, services.now())
  return { ...hint, position, classifiers: rate.classifiers, pause }
}

/** A job that waits for its next attempt has no place yet. */
function afterBackoff({ etaMs, pollAfterMs }: PollHint, job: Job, nowMs: number): PollHint {
  const leftMs = job.state === "queued" ? Math.max(0, (job.retryMs ?? 0) - nowMs) : 0
  return { etaMs: etaMs === null ? null : etaMs + leftMs, pollAfterMs: pollAfterMs + leftMs }
}

/** A follower waits where its leader waits. */
function positionOf({ store }: Services, job: Job): Promise<number | null> {
  return store.position(job.leader === undefined ? job : { ...job, id: job.leader })
}

/** The ticket of a new job, after the wait that its caller prefers. It is returned even if Redis has gone: the job is accepted. */
export async function describeAccepted(
  services: Services,
  { job, position }: Enqueued,
  { waitMs, signal }: { waitMs: number; signal?: AbortSignal },
): Promise<Ticket> {
  // A first job found by its Idempotency-Key, or the work that is shared, may have gone on since.
  const current = position === null ? ((await unlessAway(() => readJob(services, job.id))) ?? job) : job
  const latest = waitMs > 0 ? await waitForJob(services, current, waitMs, signal) : current
  const ticket = await unlessAway(() => describeJob(services, latest, latest === job ? position : null))
  return ticket ?? { ...toTicket(latest, null), poll_after_ms: AWAY_POLL_MS }
}

/** Looks again, a bounded number of times, until the job is done or the time is up; not at all if the queue is too long. Survives outages. */
export async function waitForJob(services: Services, first: Job, waitMs: number, signal?: AbortSignal): Promise<Job> {
  const { now, sleep } = services
  const startMs = now()
  const endMs = startMs + waitMs
  const pace = new LookPace(startMs)
  let job = first
  let position: number | null = null
  while (isWaiting(job) && now() < endMs && !signal?.aborted) {
    const waiting = job
    // What stands first stays there.
    const knownPosition: number | null = position === 0 ? position : null
    const wait: Wait | null = await unlessAway(() => waitOf(services, waiting, { pace: LOOK, knownPosition }))
    position = wait?.position ?? null
    const hasNoClassifier = wait?.classifiers === 0 && job.state === "queued"
    const leftMs = (hasNoClassifier ? Math.min(endMs, startMs + NO_CLASSIFIER_WAIT_MS) : endMs) - now()
    if (leftMs <= 0 || isHopeless(wait, leftMs)) return job
    const pauseMs = pace.pauseMs(`${job.state} ${position}`, {
      hintMs: wait?.pollAfterMs ?? AWAY_POLL_MS,
      nowMs: now(),
    })
    await sleep(Math.max(1, Math.min(pauseMs, leftMs)), signal)
    job = (await unlessAway(() => readJob(services, waiting.id))) ?? job
  }
  return job
}

/** An estimate can be too long by half. */
function isHopeless(wait: PollHint | null, leftMs: number): boolean {
  return (wait?.etaMs ?? 0) > 1.5 * leftMs
}

async function unlessAway<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call()
  } catch (error) {
    if (isOutage(error)) return null
    throw error
  }
}
