import fc from "fast-check"
import { afterEach, describe, expect, it, vi } from "vitest"
import { fullJitterMs } from "../../../src/lib/backoff.ts"
import { sleep } from "../../../src/lib/sleep.ts"

describe("fullJitterMs()", () => {
  const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

  it("lies between nothing and the smaller of cap and base · 2ⁿ, also after very many attempts", () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.integer({ min: 1, max: 1_000 }), fc.nat(60_000), share, (n, baseMs, capMs, at) => {
        const ms = fullJitterMs(n, { baseMs, capMs }, () => at)
        expect(ms).toBeGreaterThanOrEqual(0)
        expect(ms).toBeLessThanOrEqual(Math.min(capMs, baseMs * 2 ** n))
      }),
    )
  })

  it("takes the whole of that range", () => {
    expect(fullJitterMs(3, { baseMs: 100, capMs: 10_000 }, () => 0)).toBe(0)
    expect(fullJitterMs(3, { baseMs: 100, capMs: 10_000 }, () => 0.5)).toBe(400)
    expect(fullJitterMs(30, { baseMs: 100, capMs: 10_000 }, () => 0.5)).toBe(5_000)
  })
})

describe("sleep()", () => {
  afterEach(() => void vi.useRealTimers())

  it("ends when its time is over", async () => {
    vi.useFakeTimers()
    const ended = vi.fn()
    const sleeping = sleep(1_000).then(ended)
    await vi.advanceTimersByTimeAsync(999)
    expect(ended).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    await sleeping
  })

  it("ends at once when its signal is aborted, before or meanwhile, and leaves no timer", async () => {
    vi.useFakeTimers()
    await sleep(60_000, AbortSignal.abort())
    const controller = new AbortController()
    const sleeping = sleep(60_000, controller.signal)
    controller.abort()
    await sleeping
    expect(vi.getTimerCount()).toBe(0)
  })
})
