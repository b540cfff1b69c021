import type { Claimed } from "../../lib/queue/claim.ts"
import { type ClaimPlan, type ClaimRoom, type Kind, planClaim } from "./plan-claim.ts"

/**
 * An idle look is billed as the script, the heartbeat, the leases, and all queues together: 150 commands an hour at this pace. With
 * the clock's 60, the deliverer's 12 and the batches' 12, 240 are the budget.
 */
const IDLE_LOOK_MS = 96_000
/** How late a heartbeat may be before its worker counts as gone. */
const HEARTBEAT_GRACE_MS = 30_000
const BUSY_HEARTBEAT_MS = 60_000
/** Many jobs change the speed sooner, and share what a heartbeat costs. */
const RUSH_HEARTBEAT_MS = 5_000
const RUSH_JOBS = 20
const FIRST_HEARTBEAT_MS = 1_000
const REAP_MS = 2_000
/** Without wake-ups the queue is polled at growing intervals, up to this. */
const BLIND_POLL_MS = 5_000

/** What claiming remembers from step to step. Times are those of Redis. */
export type ClaimState = {
  turn: number
  seenMs: number
  /** The queues and the broken folders that the registry knows of. */
  served: string
  heartbeatDueMs: number
  heartbeats: number
  jobsSinceHeartbeat: number
  reapDueMs: number
  /** When queues that are known to be empty were last asked too, and are to be asked again. */
  lookedMs: number
  lookDueMs: number
  claimDueMs: number
  emptyInARow: number
  /** A job that may kill its process waits in a queue of these kinds until no other is active. */
  drainFor: readonly Kind[] | null
}

export const FIRST_CLAIM_STATE: ClaimState = {
  turn: 0,
  seenMs: 0,
  served: "",
  heartbeatDueMs: 0,
  heartbeats: 0,
  jobsSinceHeartbeat: 0,
  reapDueMs: 0,
  lookedMs: 0,
  lookDueMs: 0,
  claimDueMs: 0,
  emptyInARow: 0,
  drainFor: null,
}

/** The worker as it is before a step. */
export type ClaimView = Omit<ClaimRoom, "active" | "queuesOf"> & {
  nowMs: number
  active: { size: number; fetches: number; holdsSuspect: boolean }
  leaseMs: number
  queues: Record<Kind, readonly string[]>
  /** Model folders that cannot be served as they are. */
  broken: readonly { id: string; message: string }[]
  isListening: boolean
  /** Whether leases that ran out may be reclaimed: not soon after the time has stepped. */
  mayReap: boolean
}

export type PlannedClaim = ClaimPlan & {
  type: "claim"
  nowMs: number
  turn: number
  /** Queues that are known to be empty are asked as well. */
  looksAtAll: boolean
  reaps: boolean
  /** What the registry is told with it: the queues that are served, and until when without another heartbeat. */
  heartbeat: { served: readonly string[]; untilMs: number } | null
}

export type ClaimReply = Pick<Claimed, "jobs" | "status" | "nextLeaseEndMs">
export type ClaimEvent =
  | { type: "ready"; view: ClaimView }
  | { type: "claimed"; claim: PlannedClaim; reply: ClaimReply; isListening: boolean }
export type ClaimAction = { type: "sleep"; ms: number } | { type: "start"; job: Claimed["jobs"][number] } | PlannedClaim

/** One step of claiming. Pure: what to do is in the actions. */
export function next(state: ClaimState, event: ClaimEvent): [ClaimState, ClaimAction[]] {
  switch (event.type) {
    case "ready":
      return onReady(state, event.view)
    case "claimed":
      return onClaimed(state, event)
    default:
      return event satisfies never
  }
}

function onReady(before: ClaimState, view: ClaimView): [ClaimState, ClaimAction[]] {
  const { nowMs, active, queues, leaseMs } = view
  const { turn, drainFor } = before
  const state = { ...before, turn: turn + 1 }
  if (active.holdsSuspect || (drainFor !== null && active.size > 0)) return [state, [sleep(leaseMs)]]
  // The time has stepped back: nothing may wait until it has caught up.
  if (nowMs < state.seenMs - 1_000) state.heartbeatDueMs = state.reapDueMs = state.lookDueMs = state.claimDueMs = nowMs
  state.seenMs = nowMs
  // What is served or broken has changed: the registry is told with the very next claim.
  const all = [...queues.uploads, ...queues.urls]
  state.served = JSON.stringify([all, view.broken.map(({ id, message }) => [id, message])])
  if (state.served !== before.served) state.heartbeatDueMs = state.claimDueMs = nowMs

  const queuesOf = (kind: Kind) => (drainFor === null || drainFor.includes(kind) ? queues[kind] : [])
  const plan = planClaim({ ...view, queuesOf }, { isDue: nowMs >= state.claimDueMs, turn })
  if (plan === "full") return [state, [sleep(leaseMs)]]
  if (plan === "empty") return [state, [sleep(state.claimDueMs - nowMs)]]

  const looksAtAll = nowMs >= state.lookDueMs || !view.isListening
  if (looksAtAll) state.lookedMs = nowMs
  // Each claim is a look at something; queues that are known to be empty must not wait for ever behind the others.
  state.lookDueMs = Math.min(nowMs + IDLE_LOOK_MS, state.lookedMs + 2 * IDLE_LOOK_MS)
  const rushDueMs = state.heartbeatDueMs - BUSY_HEARTBEAT_MS + RUSH_HEARTBEAT_MS
  const beats = nowMs >= (state.jobsSinceHeartbeat >= RUSH_JOBS ? rushDueMs : state.heartbeatDueMs)
  const heartbeat = beats ? { served: all, untilMs: nowMs + IDLE_LOOK_MS + HEARTBEAT_GRACE_MS } : null
  const reaps = nowMs >= state.reapDueMs && view.mayReap
  return [{ ...state, drainFor: null }, [{ type: "claim", ...plan, nowMs, turn, looksAtAll, reaps, heartbeat }]]
}

function onClaimed(
  before: ClaimState,
  { claim, reply, isListening }: Extract<ClaimEvent, { type: "claimed" }>,
): [ClaimState, ClaimAction[]] {
  const { nowMs, reaps, heartbeat } = claim
  const { jobs, status } = reply
  const starts = jobs.map((job): ClaimAction => ({ type: "start", job }))
  const state = { ...before, claimDueMs: before.lookDueMs }
  state.jobsSinceHeartbeat = jobs.length + (heartbeat ? 0 : state.jobsSinceHeartbeat)
  // The first jobs tell the speed that edges compute their hints from: it is passed on soon.
  if (heartbeat)
    state.heartbeatDueMs = nowMs + Math.min(BUSY_HEARTBEAT_MS, FIRST_HEARTBEAT_MS * 2 ** state.heartbeats++)
  if (reaps) state.reapDueMs = nowMs + REAP_MS
  state.emptyInARow = jobs.length > 0 ? 0 : state.emptyInARow + 1
  switch (status) {
    case "more":
      return [state, starts]
    case "drain":
      return [{ ...state, drainFor: claim.kinds }, starts]
    case "paused":
    case "empty": {
      const pollMs = isListening ? state.lookDueMs - nowMs : Math.min(BLIND_POLL_MS, 125 * 2 ** state.emptyInARow)
      // The worker whose lease ends next may be dead: reclaim its job when it does.
      const leaseMs = reaps ? (reply.nextLeaseEndMs ?? Number.POSITIVE_INFINITY) - nowMs + 20 : REAP_MS
      const waitMs = Math.max(20, Math.min(pollMs, leaseMs))
      state.claimDueMs = nowMs + waitMs
      return [state, status === "paused" ? [...starts, sleep(waitMs)] : starts]
    }
    default:
      return status satisfies never
  }
}

const sleep = (ms: number): ClaimAction => ({ type: "sleep", ms })
