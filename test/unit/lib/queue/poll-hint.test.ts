import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { LOOK, pollHint } from "../../../../src/lib/queue/poll-hint.ts"

const rate = fc.record({
  classifiers: fc.integer({ min: 1, max: 50 }),
  perSecond: fc.double({ min: 0.01, max: 5_000, noNaN: true }),
  jobMs: fc.double({ min: 1, max: 60_000, noNaN: true }),
})
const depth = fc.nat(1_000_000)
const ageMs = fc.nat(3_600_000)

describe("pollHint()", () => {
  it("is position ÷ completion rate, plus what one job takes", () => {
    const hint = pollHint({ position: 50, waitingForMs: 0 }, { classifiers: 2, perSecond: 25, jobMs: 80 })
    expect(hint).toEqual({ etaMs: 2_160, pollAfterMs: 2_229 })
  })

  it("grows with the position", () => {
    fc.assert(
      fc.property(depth, depth, ageMs, rate, (a, b, waitingForMs, at) => {
        const [near, far] = [Math.min(a, b), Math.max(a, b)]
        const [first, second] = [near, far].map((position) => pollHint({ position, waitingForMs }, at))
        expect(first?.pollAfterMs).toBeLessThanOrEqual(second?.pollAfterMs ?? 0)
        expect(first?.etaMs).toBeLessThanOrEqual(second?.etaMs ?? 0)
      }),
    )
  })

  it("is a whole number of 20 ms to 30 s, whatever it is asked about", () => {
    fc.assert(
      fc.property(depth, ageMs, rate, fc.boolean(), (position, age, at, isQueued) => {
        const hint = pollHint(isQueued ? { position, waitingForMs: age } : { processingForMs: age, ahead: 0 }, at)
        expect(Number.isInteger(hint.pollAfterMs)).toBe(true)
        expect(hint.pollAfterMs).toBeGreaterThanOrEqual(20)
        expect(hint.pollAfterMs).toBeLessThanOrEqual(30_000)
        expect(Number.isInteger(hint.etaMs)).toBe(true)
        expect(hint.etaMs).toBeGreaterThanOrEqual(0)
      }),
    )
  })

  it("lets the polls of a job that should be done grow rare", () => {
    const at = { classifiers: 1, perSecond: 25, jobMs: 40 }
    expect(pollHint({ position: 0, waitingForMs: 20_000 }, at)).toEqual({ etaMs: 40, pollAfterMs: 2_000 })
    expect(pollHint({ processingForMs: 20_000, ahead: 0 }, at)).toEqual({ etaMs: 6_667, pollAfterMs: 6_667 })
    expect(pollHint({ processingForMs: 10, ahead: 0 }, at)).toEqual({ etaMs: 30, pollAfterMs: 33 })
  })

  it("counts the jobs that stand before it in the classifier's hand", () => {
    const at = { classifiers: 1, perSecond: 25, jobMs: 80 }
    expect(pollHint({ processingForMs: 20, ahead: 2 }, at).etaMs).toBe(80 + 2 * 40 - 20)
  })

  it("lets the edge itself look early, and soon again", () => {
    const at = { classifiers: 1, perSecond: 25, jobMs: 80 }
    expect(pollHint({ processingForMs: 20, ahead: 0 }, at, LOOK).pollAfterMs).toBe(52)
    expect(pollHint({ processingForMs: 100, ahead: 0 }, at, LOOK).pollAfterMs).toBe(9)
    expect(pollHint({ processingForMs: 79, ahead: 0 }, at, LOOK).pollAfterMs).toBe(7)
  })

  it("promises nothing when nobody is there, or the speed is not known", () => {
    expect(pollHint({ position: 0, waitingForMs: 0 }, { classifiers: 0, perSecond: 0, jobMs: 0 })).toEqual({
      etaMs: null,
      pollAfterMs: 5_000,
    })
    expect(pollHint({ position: 0, waitingForMs: 0 }, { classifiers: 1, perSecond: 0, jobMs: 0 })).toEqual({
      etaMs: null,
      pollAfterMs: 500,
    })
  })
})
