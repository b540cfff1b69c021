import { describe, expect, it } from "vitest"
import {
  type ClaimAction,
  type ClaimReply,
  type ClaimState,
  type ClaimView,
  FIRST_CLAIM_STATE,
  next,
  type PlannedClaim,
} from "../../../../src/classifier/jobs/claim-step.ts"
import type { ClaimedJob } from "../../../../src/lib/queue/job.ts"

const NOW = 1_000_000
const JOB = { id: "a" } as ClaimedJob

const view = (change: Partial<ClaimView> & { empty?: string[] } = {}): ClaimView => ({
  nowMs: NOW,
  active: { size: 0, fetches: 0, holdsSuspect: false },
  lanes: 2,
  fetches: 8,
  leaseMs: 30_000,
  queues: { uploads: ["m"], urls: ["m@url"] },
  broken: [],
  knownEmpty: { has: (queue) => change.empty?.includes(queue) ?? false },
  isListening: true,
  mayReap: true,
  ...change,
})

/** A state in which nothing is due, at NOW, for that view. */
const SERVED = JSON.stringify([["m", "m@url"], []])
const calm = (change: Partial<ClaimState> = {}): ClaimState => ({
  ...FIRST_CLAIM_STATE,
  seenMs: NOW,
  served: SERVED,
  heartbeatDueMs: NOW + 60_000,
  reapDueMs: NOW + 1_000,
  lookedMs: NOW,
  lookDueMs: NOW + 50_000,
  claimDueMs: NOW + 50_000,
  ...change,
})
const ALL_EMPTY = ["m", "m@url"]

describe("next() when the worker is ready", () => {
  const rows: [string, ClaimState, ClaimView, Partial<PlannedClaim> | ClaimAction][] = [
    [
      "claims everything at first, and tells and reclaims with it",
      FIRST_CLAIM_STATE,
      view(),
      {
        queues: ["m", "m@url"],
        looksAtAll: true,
        reaps: true,
        heartbeat: { served: ["m", "m@url"], untilMs: NOW + 126_000 },
      },
    ],
    [
      "claims one kind that may have something",
      calm(),
      view(),
      { queues: ["m"], looksAtAll: false, reaps: false, heartbeat: null },
    ],
    ["takes the kinds in turn", calm({ turn: 1 }), view(), { queues: ["m@url"], max: 8 }],
    [
      "sleeps until a claim is due when all queues are known to be empty",
      calm(),
      view({ empty: ALL_EMPTY }),
      { type: "sleep", ms: 50_000 },
    ],
    [
      "claims when one is due although all are known to be empty",
      calm({ claimDueMs: NOW, lookDueMs: NOW }),
      view({ empty: ALL_EMPTY }),
      { queues: ["m", "m@url"], looksAtAll: true },
    ],
    ["asks all queues where no wake-ups arrive", calm(), view({ isListening: false }), { looksAtAll: true }],
    [
      "sleeps while there is room for nothing",
      calm(),
      view({ active: { size: 11, fetches: 8, holdsSuspect: false } }),
      { type: "sleep", ms: 30_000 },
    ],
    [
      "sleeps while a suspect is active",
      calm(),
      view({ active: { size: 1, fetches: 0, holdsSuspect: true } }),
      { type: "sleep", ms: 30_000 },
    ],
    [
      "finishes its jobs before it takes a suspect",
      calm({ drainFor: ["uploads"] }),
      view({ active: { size: 1, fetches: 0, holdsSuspect: false } }),
      { type: "sleep", ms: 30_000 },
    ],
    [
      "takes the suspect from its kind of queue, with no job active",
      calm({ drainFor: ["urls"] }),
      view(),
      { queues: ["m@url"] },
    ],
    [
      "tells the registry at once when what it serves changes",
      calm(),
      view({ queues: { uploads: ["n"], urls: [] }, empty: ["n"] }),
      { heartbeat: { served: ["n"], untilMs: NOW + 126_000 } },
    ],
    [
      "tells the registry at once when a folder breaks",
      calm(),
      view({ broken: [{ id: "b", message: "bad" }], empty: ALL_EMPTY }),
      { queues: ["m", "m@url"] },
    ],
    [
      "tells the registry when the heartbeat is due",
      calm({ heartbeatDueMs: NOW }),
      view(),
      { heartbeat: expect.anything() },
    ],
    [
      "tells it sooner after many jobs",
      calm({ heartbeatDueMs: NOW + 55_000, jobsSinceHeartbeat: 20 }),
      view(),
      { heartbeat: expect.anything() },
    ],
    [
      "does not tell it sooner after few jobs",
      calm({ heartbeatDueMs: NOW + 55_000, jobsSinceHeartbeat: 19 }),
      view(),
      { heartbeat: null },
    ],
    ["reclaims when it is due", calm({ reapDueMs: NOW }), view(), { reaps: true }],
    [
      "does not reclaim soon after the time has stepped",
      calm({ reapDueMs: NOW }),
      view({ mayReap: false }),
      { reaps: false },
    ],
    [
      "waits for nothing after the time has stepped back",
      calm(),
      view({ nowMs: NOW - 3_600_000, empty: ALL_EMPTY }),
      { looksAtAll: true, reaps: true, heartbeat: expect.anything() },
    ],
  ]
  it.each(rows)("%s", (_promise, state, seen, expected) => {
    const [, actions] = next(state, { type: "ready", view: seen })
    expect(actions).toMatchObject([{ type: "claim", ...expected }])
  })

  it("asks queues that are known to be empty too, however many claims find something", () => {
    let [state, looks] = [calm(), 0]
    for (let nowMs = NOW; nowMs < NOW + 1_000_000; nowMs += 1_000) {
      const [planned, [claim]] = next(state, { type: "ready", view: view({ nowMs }) })
      if (claim?.type !== "claim") throw new Error("Nothing was claimed")
      if (claim.looksAtAll) looks++
      const reply: ClaimReply = { jobs: [JOB], status: "more", nextLeaseEndMs: null }
      state = next(planned, { type: "claimed", claim, reply, isListening: true })[0]
    }
    expect(looks).toBe(5)
  })
})

describe("next() after a claim", () => {
  const claim = (change: Partial<PlannedClaim> = {}): PlannedClaim => ({
    ...{ type: "claim", kinds: ["uploads"], queues: ["m"], max: 2, ahead: -1, nowMs: NOW, turn: 0 },
    ...{ looksAtAll: false, reaps: false, heartbeat: null },
    ...change,
  })
  const heartbeat = { served: ["m"], untilMs: NOW }
  const rows: [
    string,
    { claim?: Partial<PlannedClaim>; reply?: Partial<ClaimReply>; isListening?: boolean; state?: Partial<ClaimState> },
    Partial<ClaimState>,
    ClaimAction[],
  ][] = [
    [
      "starts the jobs, and claims again when there may be more",
      { reply: { status: "more", jobs: [JOB] }, state: { claimDueMs: 0 } },
      { claimDueMs: NOW + 50_000, emptyInARow: 0, jobsSinceHeartbeat: 1 },
      [{ type: "start", job: JOB }],
    ],
    ["drains for the kinds that have a suspect", { reply: { status: "drain" } }, { drainFor: ["uploads"] }, []],
    [
      "waits for the next look when the queues are empty",
      { claim: { reaps: true } },
      { claimDueMs: NOW + 50_000, emptyInARow: 1, reapDueMs: NOW + 2_000 },
      [],
    ],
    ["looks again soon when it did not look for leases", {}, { claimDueMs: NOW + 2_000 }, []],
    [
      "is there when the next lease ends",
      { claim: { reaps: true }, reply: { nextLeaseEndMs: NOW + 500 } },
      { claimDueMs: NOW + 520 },
      [],
    ],
    [
      "polls at growing intervals without wake-ups",
      { claim: { reaps: true }, isListening: false, state: { emptyInARow: 2 } },
      { claimDueMs: NOW + 1_000 },
      [],
    ],
    [
      "polls at most every five seconds",
      { claim: { reaps: true }, isListening: false, state: { emptyInARow: 50 } },
      { claimDueMs: NOW + 5_000 },
      [],
    ],
    [
      "sleeps while the queue is paused, whatever wakes others",
      { claim: { reaps: true }, reply: { status: "paused" } },
      {},
      [{ type: "sleep", ms: 50_000 }],
    ],
    [
      "tells its speed again soon after the first heartbeat",
      { claim: { heartbeat } },
      { heartbeatDueMs: NOW + 1_000, heartbeats: 1, jobsSinceHeartbeat: 0 },
      [],
    ],
    [
      "tells its speed every minute in the end",
      { claim: { heartbeat }, state: { heartbeats: 9 } },
      { heartbeatDueMs: NOW + 60_000 },
      [],
    ],
  ]
  it.each(rows)("%s", (_promise, { state, reply, isListening = true, ...given }, after, actions) => {
    const said: ClaimReply = { jobs: [], status: "empty", nextLeaseEndMs: null, ...reply }
    const event = { type: "claimed", claim: claim(given.claim), reply: said, isListening } as const
    const result = next(calm(state), event)
    expect(result[0]).toMatchObject(after)
    expect(result[1]).toEqual(actions)
  })
})
