import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  chargeMsOf,
  RateLimitedError,
  rateLimitOrOffSchema,
  rateLimitSchema,
  remainingOf,
  stepMsOf,
  waitMsOf,
} from "../../../../src/lib/callers/rate-limit.ts"

describe("rateLimitSchema", () => {
  it.each([
    ["100/60s", { count: 100, windowMs: 60_000 }],
    ["5/1min", { count: 5, windowMs: 60_000 }],
    ["1000/1h", { count: 1_000, windowMs: 3_600_000 }],
  ])("reads %s", (text, limit) => expect(rateLimitSchema.parse(text)).toEqual(limit))

  it.each(["", "100", "0/60s", "100/0s", "1.5/1s", "100/60", "100/1d", " 1/1s", "1/1s ", "-1/1s", "1e3/1s", "off"])(
    "refuses %j",
    (text) => expect(rateLimitSchema.safeParse(text).success).toBe(false),
  )

  it("may be off where there is one for everybody", () => {
    expect(rateLimitOrOffSchema.parse("off")).toBeNull()
    expect(rateLimitOrOffSchema.safeParse("on").error?.issues[0]?.message).toMatch(/must be off, or like 100\/60s/)
  })
})

describe("waitMsOf() and remainingOf()", () => {
  const limits = fc.record({
    count: fc.integer({ min: 1, max: 100 }),
    windowMs: fc.integer({ min: 1_000, max: 1e7 }),
  })

  it("let exactly `count` through at once, and one more whenever the wait is over", () => {
    fc.assert(
      fc.property(limits, (limit) => {
        const stepMs = stepMsOf(limit)
        let nowMs = 1_800_000_000_000
        let resetMs = 0
        const charge = () => {
          resetMs = Math.max(resetMs, nowMs) + stepMs
        }
        for (let left = limit.count; left > 0; left--) {
          expect(waitMsOf(limit, resetMs, { nowMs })).toBe(0)
          expect(remainingOf(limit, resetMs, nowMs)).toBe(left)
          charge()
        }
        for (let i = 0; i < 5; i++) {
          expect(remainingOf(limit, resetMs, nowMs)).toBe(0)
          const waitMs = waitMsOf(limit, resetMs, { nowMs })
          expect(waitMs).toBeGreaterThan(0)
          expect(waitMs).toBeLessThanOrEqual(stepMs)
          nowMs += Math.ceil(waitMs)
          expect(waitMsOf(limit, resetMs, { nowMs })).toBe(0)
          nowMs = Math.max(nowMs, resetMs - limit.windowMs + stepMs)
          charge()
        }
      }),
    )
  })

  it("allow in any time no more than `count`, and what was won back in it", () => {
    fc.assert(
      fc.property(limits, fc.array(fc.nat(5_000), { maxLength: 200 }), (limit, gapsMs) => {
        const stepMs = stepMsOf(limit)
        let nowMs = 1_800_000_000_000
        const startMs = nowMs
        let resetMs = 0
        let allowed = 0
        for (const gapMs of gapsMs) {
          nowMs += gapMs
          if (waitMsOf(limit, resetMs, { nowMs }) > 0) continue
          resetMs = Math.max(resetMs, nowMs) + stepMs
          allowed++
          expect(allowed).toBeLessThanOrEqual(limit.count + (nowMs - startMs) / stepMs)
        }
      }),
    )
  })
})

describe("a job of several units", () => {
  const limits = fc.record({
    count: fc.integer({ min: 1, max: 1_000 }),
    windowMs: fc.integer({ min: 1_000, max: 1e7 }),
  })
  const nowMs = 1_800_000_000_000

  it("takes as much of a window as so many jobs of one", () => {
    fc.assert(
      fc.property(limits, fc.integer({ min: 1, max: 1_000 }), (limit, cost) => {
        fc.pre(cost <= limit.count)
        const resetMs = nowMs + chargeMsOf(limit, cost)
        expect(resetMs).toBe(nowMs + cost * stepMsOf(limit))
        expect(remainingOf(limit, resetMs, nowMs)).toBe(limit.count - cost)
      }),
    )
  })

  it("is allowed once the window is whole, however much it costs, and takes all of it", () => {
    fc.assert(
      fc.property(limits, fc.integer({ min: 1, max: 1e6 }), (limit, more) => {
        const cost = limit.count + more
        expect(waitMsOf(limit, nowMs, { nowMs, cost })).toBe(0)
        expect(remainingOf(limit, nowMs + chargeMsOf(limit, cost), nowMs)).toBe(0)
        expect(waitMsOf(limit, nowMs + limit.windowMs, { nowMs, cost })).toBeLessThanOrEqual(limit.windowMs)
      }),
    )
  })

  it("is refused with what it counts as, and how long to wait for that much", () => {
    const limit = { count: 10, windowMs: 10_240 }
    const resetMs = nowMs + 5 * 1_024
    const refused = (cost: number) => new RateLimitedError(limit, { resetMs, nowMs, cost })
    expect(refused(7)).toMatchObject({ code: "rate_limited", retryAfterMs: 2_048, resetMs })
    expect(refused(7).message).toBe(
      "Cannot accept the request: your limit is 10 pictures in 10.24 s, and the work on this one counts as 7",
    )
    expect(refused(1).message).toBe("Cannot accept the request: your limit is 10 pictures in 10.24 s")
  })
})
