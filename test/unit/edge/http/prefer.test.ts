import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { preferredWaitMs } from "../../../../src/edge/http/prefer.ts"

describe("preferredWaitMs()", () => {
  it.each([
    [undefined, 0],
    ["", 0],
    ["respond-async", 0],
    ["return=minimal", 0],
    ["wait=0", 0],
    ["wait=5", 5_000],
    ["Wait = 5", 5_000],
    ['wait="5"', 5_000],
    ["return=minimal, wait=5", 5_000],
    ["wait=5; foo=bar", 5_000],
    ["respond-async, wait=10", 10_000],
    ["wait=10, respond-async", 10_000],
    ["wait=3600", 30_000],
    ["wait=99999999999999999999", 30_000],
    ["wait=-1", 0],
    ["wait=soon", 0],
    ["wait", 0],
    ["await=5", 0],
  ])("reads %j as %i ms", (prefer, ms) => {
    expect(preferredWaitMs(prefer)).toBe(ms)
  })

  it("is never less than nothing or more than 30 s, whatever is sent", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const ms = preferredWaitMs(`${before}wait=${after}`)
        expect(ms).toBeGreaterThanOrEqual(0)
        expect(ms).toBeLessThanOrEqual(30_000)
      }),
    )
  })
})
