import { describe, expect, it } from "vitest"
import { KnownEmptyQueues } from "../../../../src/classifier/jobs/known-empty-queues.ts"
import { type Kind, planClaim } from "../../../../src/classifier/jobs/plan-claim.ts"

const QUEUES = { uploads: ["m", "@inspect"], urls: ["m@url"] }
const ALL = [...QUEUES.uploads, ...QUEUES.urls]

function planWith({ uploads = 0, fetches = 0, empty = [] as string[], isDue = false, turn = 0 }) {
  const knownEmpty = new KnownEmptyQueues()
  knownEmpty.found(empty, empty)
  const active = { size: uploads + fetches, fetches }
  const queuesOf = (kind: Kind) => QUEUES[kind]
  return planClaim({ active, lanes: 2, fetches: 8, queuesOf, knownEmpty }, { isDue, turn })
}

describe("planClaim()", () => {
  it("asks every queue when a look is due", () => {
    expect(planWith({ isDue: true, empty: ALL })).toMatchObject({ queues: ALL, max: 2 })
  })

  it("asks nothing when nothing is known to wait", () => {
    expect(planWith({ empty: ALL })).toBe("empty")
  })

  it("asks the kinds that may have something, in turn", () => {
    expect(planWith({ empty: ["m@url", "m"] })).toMatchObject({ kinds: ["uploads"], max: 2 })
    expect(planWith({ empty: QUEUES.uploads })).toMatchObject({ kinds: ["urls"], max: 8 })
    const kinds = [0, 1, 2].map((turn) => planWith({ turn })).map((plan) => typeof plan === "object" && plan.kinds)
    expect(kinds).toEqual([["uploads"], ["urls"], ["uploads"]])
  })

  it("fills the lanes and one claim more with uploads, whatever is being fetched", () => {
    expect(planWith({ uploads: 2, fetches: 8 })).toMatchObject({ kinds: ["uploads"], max: 2, ahead: 1 })
    expect(planWith({ uploads: 3, fetches: 8 })).toBe("full")
    expect(planWith({ uploads: 3, fetches: 8, isDue: true })).toBe("full")
  })

  it("fetches while the lanes are full, as soon as there is room for several", () => {
    expect(planWith({ uploads: 4, fetches: 5 })).toBe("full")
    expect(planWith({ uploads: 4, fetches: 4 })).toMatchObject({ kinds: ["urls"], max: 4 })
    expect(planWith({ uploads: 4, fetches: 4, isDue: true })).toMatchObject({ kinds: ["urls"] })
  })
})
