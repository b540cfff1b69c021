import type { Claimed } from "../../lib/queue/claim.ts"
import { newJobId } from "../../lib/queue/job-id.ts"
import type { JobStore } from "../../lib/queue/job-store.ts"
import type { WorkerBeat } from "../../lib/queue/registry.ts"
import { type Reachability, untilReached } from "../loops/until-reached.ts"
import type { BrokenModel } from "../models/served-folder.ts"
import type { ActiveJobs } from "./active-jobs.ts"
import type { PlannedClaim } from "./claim-step.ts"
import type { KnownEmptyQueues } from "./known-empty-queues.ts"
import type { ServiceMeter } from "./service-meter.ts"

export type ClaimDeps = {
  store: JobStore
  worker: string
  lanes: number
  /** How many pictures of URLs may be active at once. */
  fetches: number
  leaseMs: number
  active: ActiveJobs
  knownEmpty: KnownEmptyQueues
  now: () => number
  meter: ServiceMeter
  reachability: Reachability
  /** Model folders that cannot be served as they are. */
  broken: () => readonly BrokenModel[]
}

/** The registry is read by every edge: no worker fills it. */
const MAX_BROKEN = 50
const MAX_MESSAGE_CHARS = 300

/** One claim, repeated under its token until Redis answers; null when the signal is aborted meanwhile. */
export async function claimOnce(
  deps: ClaimDeps,
  { queues, max, ahead, looksAtAll, heartbeat, reaps, turn }: PlannedClaim,
  signal: AbortSignal,
): Promise<Claimed | null> {
  const token = newJobId(deps.now())
  // Asked for before it is sent: what is heard from now on may have come after its answer.
  const known = deps.knownEmpty.toSkip()
  const skip = looksAtAll ? [] : known
  const rotated = queues.map((_queue, i) => queues[(i + turn) % queues.length] ?? "")
  const workerState = heartbeat === null ? {} : { heartbeat: JSON.stringify(describeWorker(deps, heartbeat)) }
  try {
    const claimed = await untilReached(
      (attempt) =>
        deps.store.claim({
          worker: deps.worker,
          queues: rotated,
          skip,
          max,
          nowMs: deps.now(),
          leaseMs: deps.leaseMs,
          token,
          isIdle: deps.active.size === 0,
          ahead,
          again: attempt > 0,
          reclaims: reaps,
          ...workerState,
        }),
      { reachability: deps.reachability, signal },
    )
    const asked = rotated.filter((queue) => !skip.includes(queue))
    deps.knownEmpty.found(asked, claimed.empty)
    return claimed
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
}

function describeWorker(
  { meter, lanes, fetches, broken }: ClaimDeps,
  { served, untilMs }: NonNullable<PlannedClaim["heartbeat"]>,
): WorkerBeat {
  return {
    untilMs,
    lanes,
    queues: meter.describe(served, { lanes, fetches }),
    broken: broken()
      .slice(0, MAX_BROKEN)
      .map(({ id, code, message }) => ({ id, code, message: message.slice(0, MAX_MESSAGE_CHARS) })),
  }
}
