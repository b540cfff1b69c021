import { Registry } from "prom-client"
import { expect, it, vi } from "vitest"
import { createMetrics } from "../../../../src/classifier/health/metrics.ts"
import { ActiveJobs } from "../../../../src/classifier/jobs/active-jobs.ts"
import { type ClaimLoop, runClaimLoop } from "../../../../src/classifier/jobs/claim-loop.ts"
import { KnownEmptyQueues } from "../../../../src/classifier/jobs/known-empty-queues.ts"
import { ServiceMeter } from "../../../../src/classifier/jobs/service-meter.ts"
import { Reachability } from "../../../../src/classifier/loops/until-reached.ts"
import { Waker } from "../../../../src/classifier/loops/waker.ts"
import { silentLog } from "../../../../src/lib/log.ts"
import type { Claim, Claimed } from "../../../../src/lib/queue/claim.ts"
import type { JobStore } from "../../../../src/lib/queue/job-store.ts"

const HOUR_MS = 3_600_000

/** The loop in front of an empty queue, on a clock that a test moves. */
async function withLoop(
  run: (loop: { claims: Claim[]; waker: Waker; state: { nowMs: number; mayReap: boolean } }) => Promise<void>,
) {
  const leave = new AbortController()
  const claims: Claim[] = []
  const claim = async (asked: Claim): Promise<Claimed> => {
    claims.push(asked)
    return { jobs: [], status: "empty", nextLeaseEndMs: null, empty: ["m"], reclaimed: [], unreadable: [] }
  }
  const state = { nowMs: 10 * HOUR_MS, mayReap: true }
  const waker = new Waker()
  const loop: ClaimLoop = {
    store: { claim } as unknown as JobStore,
    ...{ worker: "w", lanes: 1, fetches: 1, leaseMs: 30_000, queues: () => ["m"], log: silentLog, waker },
    active: new ActiveJobs(() => undefined),
    knownEmpty: new KnownEmptyQueues(),
    broken: () => [],
    isListening: () => true,
    mayReap: () => state.mayReap,
    start: () => undefined,
    now: () => state.nowMs,
    meter: new ServiceMeter(),
    metrics: createMetrics(new Registry(), { lanes: () => 1, free: () => 1, active: () => 0 }),
    reachability: new Reachability(silentLog),
  }
  const running = runClaimLoop(loop, leave.signal)
  try {
    await vi.waitUntil(() => claims.length > 0)
    await run({ claims, waker, state })
  } finally {
    leave.abort()
    waker.wake()
    await running
  }
}

it("a classifier looks, and tells that it lives, when the time has stepped back, instead of waiting until it has caught up", () =>
  withLoop(async ({ claims, waker, state }) => {
    const before = claims.length
    state.nowMs -= HOUR_MS
    waker.wake()
    await vi.waitUntil(() => claims.length > before)
    expect(claims.at(-1)).toMatchObject({ reclaims: true, nowMs: state.nowMs })
    expect(JSON.parse(claims.at(-1)?.heartbeat ?? "{}").untilMs).toBeLessThan(state.nowMs + HOUR_MS)
  }))

it("a classifier ends nobody's lease soon after the time has stepped", () =>
  withLoop(async ({ claims, waker, state }) => {
    const before = claims.length
    Object.assign(state, { mayReap: false, nowMs: state.nowMs + HOUR_MS })
    waker.wake()
    await vi.waitUntil(() => claims.length > before)
    expect(claims.at(-1)).toMatchObject({ reclaims: false })
    state.mayReap = true
    state.nowMs += 60_000
    waker.wake()
    await vi.waitUntil(() => claims.at(-1)?.reclaims === true)
  }))
