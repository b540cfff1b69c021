import type { Log } from "../../lib/log.ts"
import type { Claimed } from "../../lib/queue/claim.ts"
import type { Metrics } from "../health/metrics.ts"
import type { Waker } from "../loops/waker.ts"
import { type ClaimDeps, claimOnce } from "./claim-once.ts"
import { type ClaimEvent, FIRST_CLAIM_STATE, next } from "./claim-step.ts"
import { logReclaimed } from "./log-reclaimed.ts"

export type ClaimLoop = ClaimDeps & {
  /** The queues that it takes jobs from: those of uploads, and those of URLs. */
  queues: (kind: { urls: boolean }) => readonly string[]
  /** Woken when something may have come into a queue, and when a job ends. */
  waker: Waker
  /** Whether wake-ups arrive now. */
  isListening: () => boolean
  /** Whether leases that ran out may be reclaimed: not soon after the time has stepped. */
  mayReap: () => boolean
  /** Starts the work on a claimed job. */
  start: (job: Claimed["jobs"][number]) => void
  metrics: Metrics
  log: Log
}

/** Claims jobs as there is room for them, until the signal is aborted: carries out what next() decides. */
export async function runClaimLoop(loop: ClaimLoop, signal: AbortSignal): Promise<void> {
  let state = FIRST_CLAIM_STATE
  let isPaused = false
  const step = async (event: ClaimEvent): Promise<void> => {
    const [after, actions] = next(state, event)
    state = after
    for (const action of actions) {
      switch (action.type) {
        case "sleep":
          await loop.waker.sleep(action.ms, signal)
          break
        case "start":
          loop.start(action.job)
          break
        case "claim": {
          const reply = await claimOnce(loop, action, signal)
          if (reply === null) return
          report(loop, reply)
          if (isPaused !== (reply.status === "paused")) {
            isPaused = !isPaused
            loop.log.info(isPaused ? "queue.paused" : "queue.resumed")
          }
          await step({ type: "claimed", claim: action, reply, isListening: loop.isListening() })
          break
        }
        default:
          action satisfies never
      }
    }
  }
  while (!signal.aborted) await step({ type: "ready", view: viewOf(loop) })
}

function viewOf(loop: ClaimLoop) {
  const queues = { uploads: loop.queues({ urls: false }), urls: loop.queues({ urls: true }) }
  const [isListening, mayReap] = [loop.isListening(), loop.mayReap()]
  return { ...loop, nowMs: loop.now(), queues, broken: loop.broken(), isListening, mayReap }
}

function report({ metrics, log }: ClaimLoop, { status, reclaimed, unreadable }: Claimed): void {
  metrics.claims.inc({ found: status })
  for (const job of reclaimed) metrics.jobs.inc({ queue: job.queue, outcome: logReclaimed(log, job) })
  for (const about of unreadable) {
    metrics.jobs.inc({ queue: about.queue, outcome: "dead" })
    log.error("job.unreadable", about)
  }
}
