import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { rateLimitOrOffSchema, rateLimitSchema, remainingOf, stepMsOf, waitMsOf } from "../../src/lib/rate-limit.ts"

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
    count: fc.integer({ min: 1, max: 1_000 }),
    windowMs: fc.integer({ min: 1_000, max: 1e7 }),
  })

  it("let exactly `count` through at once, and one more whenever the wait is over", () => {
    fc.assert(
      fc.property(limits, (limit) => {
        const stepMs = stepMsOf(limit)
        let nowMs = 1_800_000_000_000
        let wholeMs = 0
        const charge = () => {
          wholeMs = Math.max(wholeMs, nowMs) + stepMs
        }
        for (let left = limit.count; left > 0; left--) {
          expect(waitMsOf(limit, wholeMs, nowMs)).toBe(0)
          expect(remainingOf(limit, wholeMs, nowMs)).toBe(left)
          charge()
        }
        for (let i = 0; i < 5; i++) {
          expect(remainingOf(limit, wholeMs, nowMs)).toBe(0)
          const waitMs = waitMsOf(limit, wholeMs, nowMs)
          expect(waitMs).toBeGreaterThan(0)
          expect(waitMs).toBeLessThanOrEqual(stepMs)
          nowMs += Math.ceil(waitMs)
          expect(waitMsOf(limit, wholeMs, nowMs)).toBe(0)
          nowMs = Math.max(nowMs, wholeMs - limit.windowMs + stepMs)
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
        let wholeMs = 0
        let allowed = 0
        for (const gapMs of gapsMs) {
          nowMs += gapMs
          if (waitMsOf(limit, wholeMs, nowMs) > 0) continue
          wholeMs = Math.max(wholeMs, nowMs) + stepMs
          allowed++
          expect(allowed).toBeLessThanOrEqual(limit.count + (nowMs - startMs) / stepMs)
        }
      }),
    )
  })
})
