import type { Log } from "../../lib/log.ts"
import type { Claimed } from "../../lib/queue/claim.ts"
import type { Metrics } from "../health/metrics.ts"
import type { Waker } from "../loops/waker.ts"
import { type ClaimDeps, claimOnce } from "./claim-once.ts"
import { logReclaimed } from "./log-reclaimed.ts"
import { type Kind, planClaim } from "./plan-claim.ts"

/**
 * An idle look is billed as the script, the beat, the leases, and all queues together: 150 commands an hour at this pace. With
 * the clock's 60, the deliverer's 12 and the enqueuer's looks at batches, 240 are the budget.
 */
const IDLE_LOOK_MS = 96_000
/** How late a beat may be before its worker counts as gone. */
const BEAT_GRACE_MS = 30_000
const BUSY_BEAT_MS = 60_000
/** Many jobs change the speed sooner, and share what a beat costs. */
const RUSH_BEAT_MS = 5_000
const BEAT_JOBS = 20
const FIRST_BEAT_MS = 1_000
const REAP_MS = 2_000
/** Without wake-ups the queue is looked at ever more seldom, up to this. */
const BLIND_POLL_MS = 5_000

export type ClaimLoop = ClaimDeps & {
  /** The queues that it takes jobs from: those of uploads, and those of URLs. */
  queues: (kind: { urls: boolean }) => readonly string[]
  /** Woken when something may have come into a queue, and when a job ends. */
  waker: Waker
  /** Whether wake-ups arrive now. */
  isListening: () => boolean
  /** Whether leases may be called over: not soon after the time has stepped. */
  mayReap: () => boolean
  /** Starts the work on a claimed job. */
  start: (job: Claimed["jobs"][number]) => void
  metrics: Metrics
  log: Log
}

/** Claims jobs as there is room for them, until the signal is aborted. */
export async function runClaimLoop(loop: ClaimLoop, signal: AbortSignal): Promise<void> {
  const { active, waker } = loop
  let beatDueMs = 0
  let beatCount = 0
  let jobsSinceBeat = 0
  let reapDueMs = 0
  let emptyInARow = 0
  /** A suspect waits in a queue of these until no other job is active. */
  let drainFor: readonly Kind[] | null = null
  let served = ""
  let lookedMs = 0
  let lookDueMs = 0
  let claimDueMs = 0
  let seenMs = 0

  const queuesOf = (kind: Kind) =>
    drainFor === null || drainFor.includes(kind) ? loop.queues({ urls: kind === "urls" }) : []

  for (let turn = 0; !signal.aborted; turn++) {
    if (active.holdsSuspect || (drainFor !== null && active.size > 0)) {
      await waker.sleep(loop.leaseMs, signal)
      continue
    }
    const beforeMs = seenMs
    const nowMs = loop.now()
    seenMs = nowMs
    // The time has stepped back: nothing may wait until it has caught up.
    if (nowMs < beforeMs - 1_000) beatDueMs = reapDueMs = lookDueMs = claimDueMs = nowMs
    const queues = [...loop.queues({ urls: false }), ...loop.queues({ urls: true })]
    // What is served or broken has changed: the registry is told with the very next claim.
    const serves = JSON.stringify([queues, loop.broken().map(({ id, message }) => [id, message])])
    if (serves !== served) beatDueMs = claimDueMs = nowMs
    served = serves
    const plan = planClaim({ ...loop, queuesOf }, { isDue: nowMs >= claimDueMs, turn })
    if (plan === "full" || plan === "empty") {
      await waker.sleep(plan === "full" ? loop.leaseMs : claimDueMs - nowMs, signal)
      continue
    }
    drainFor = null
    const looksAtAll = nowMs >= lookDueMs || !loop.isListening()
    if (looksAtAll) lookedMs = nowMs
    // Each claim is a look at something; those that are known to be empty must not wait for ever behind the others.
    lookDueMs = Math.min(nowMs + IDLE_LOOK_MS, lookedMs + 2 * IDLE_LOOK_MS)
    const beats = nowMs >= beatDueMs || (jobsSinceBeat >= BEAT_JOBS && nowMs >= beatDueMs - BUSY_BEAT_MS + RUSH_BEAT_MS)
    const reaps = nowMs >= reapDueMs && loop.mayReap()
    const beat = beats ? { served: queues, untilMs: nowMs + IDLE_LOOK_MS + BEAT_GRACE_MS } : null
    const claimed = await claimOnce(loop, plan, { signal, looksAtAll, beat, reaps, turn })
    if (claimed === null) return
    // The first jobs tell the speed that edges compute their hints from: it is passed on soon.
    if (beats) beatDueMs = nowMs + Math.min(BUSY_BEAT_MS, FIRST_BEAT_MS * 2 ** beatCount++)
    jobsSinceBeat = claimed.jobs.length + (beats ? 0 : jobsSinceBeat)
    if (reaps) reapDueMs = nowMs + REAP_MS
    loop.metrics.claims.inc({ found: claimed.status })
    for (const job of claimed.moved) logReclaimed(loop.log, job)
    for (const about of claimed.unreadable) loop.log.error("job.unreadable", about)
    for (const job of claimed.jobs) loop.start(job)

    emptyInARow = claimed.jobs.length > 0 ? 0 : emptyInARow + 1
    claimDueMs = lookDueMs
    switch (claimed.status) {
      case "more":
        break
      case "drain":
        drainFor = plan.kinds
        break
      case "paused":
      case "empty": {
        const pollMs = loop.isListening() ? lookDueMs - nowMs : Math.min(BLIND_POLL_MS, 125 * 2 ** emptyInARow)
        // Whose lease ends next may be dead: be there when it does.
        const leaseMs = reaps ? (claimed.nextLeaseEndMs ?? Number.POSITIVE_INFINITY) - nowMs + 20 : REAP_MS
        claimDueMs = nowMs + Math.max(20, Math.min(pollMs, leaseMs))
        if (claimed.status === "paused") await waker.sleep(claimDueMs - nowMs, signal)
        break
      }
      default:
        claimed.status satisfies never
    }
  }
}
