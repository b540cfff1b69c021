import { describe, expect, it } from "vitest"
import { ServiceMeter } from "../../../../src/classifier/jobs/service-meter.ts"
import type { Redis } from "../../../../src/lib/redis/redis.ts"
import { RedisClock } from "../../../../src/lib/redis/redis-clock.ts"

describe("RedisClock", () => {
  it("believes the quickest of the last replies", async () => {
    let ms = 1_000
    let way = [0, 0]
    const redis = {
      async time() {
        ms += way[0] ?? 0
        const redisMs = 500_000 + ms
        ms += way[1] ?? 0
        return [Math.floor(redisMs / 1_000), (redisMs % 1_000) * 1_000]
      },
    } as unknown as Redis
    const clock = new RedisClock(redis, { monotonicMs: () => ms, wallMs: () => ms })
    way = [0, 40]
    await clock.correct()
    expect(clock.now() - ms).toBe(500_000 - 20)
    way = [1, 1]
    await clock.correct()
    expect(clock.now() - ms).toBe(500_000)
    way = [30, 0]
    for (let i = 0; i < 7; i++) await clock.correct()
    expect(clock.now() - ms).toBe(500_000)
    await clock.correct()
    expect(clock.now() - ms, "the quick one is too old by now").toBe(500_000 + 15)
  })

  const HOUR_MS = 3_600_000

  function openClock() {
    const state = {
      redisMs: 50_000_000,
      monotonicMs: 1_000,
      wallMs: 700_000,
      asked: 0,
      tookMs: 2,
      steps: [] as number[],
    }
    const pass = (ms: number) => {
      for (const clock of ["redisMs", "monotonicMs", "wallMs"] as const) state[clock] += ms
    }
    const redis = {
      async time() {
        state.asked++
        pass(state.tookMs / 2)
        const { redisMs } = state
        pass(state.tookMs / 2)
        return [Math.floor(redisMs / 1_000), (redisMs % 1_000) * 1_000]
      },
    } as unknown as Redis
    const clock = new RedisClock(redis, {
      monotonicMs: () => state.monotonicMs,
      wallMs: () => state.wallMs,
      onStep: (byMs) => state.steps.push(byMs),
    })
    return { state, pass, clock }
  }

  it.each([HOUR_MS, -HOUR_MS, 1_000])("believes Redis at once when its time has stepped by %d ms", async (byMs) => {
    const { state, pass, clock } = openClock()
    await clock.correct(3)
    for (let i = 0; i < 8; i++) {
      pass(60_000)
      await clock.keep(60_000)
    }
    expect(state.steps).toEqual([])
    state.redisMs += byMs
    pass(60_000)
    await clock.keep(60_000)
    expect(clock.now()).toBe(state.redisMs)
    expect(state.steps).toEqual([byMs])
    expect(clock.steadyForMs()).toBe(0)
  })

  it("takes a reply that was slow for no step", async () => {
    const { state, clock } = openClock()
    await clock.correct(3)
    state.tookMs = 20_000
    await clock.correct()
    expect(clock.now()).toBe(state.redisMs)
    expect(state.steps).toEqual([])
  })

  it.each([
    ["this machine slept for an hour", { redisMs: HOUR_MS, wallMs: HOUR_MS }, [HOUR_MS]],
    ["its wall clock was set", { wallMs: -HOUR_MS }, []],
  ])("asks at once, and never without cause, when %s", async (_what, moved, steps) => {
    const { state, pass, clock } = openClock()
    await clock.correct(3)
    for (let i = 0; i < 10; i++) {
      pass(1_000)
      await clock.keep(60_000)
    }
    expect(state.asked).toBe(3)
    for (const [name, byMs] of Object.entries(moved)) state[name as "wallMs"] += byMs
    pass(1_000)
    await clock.keep(60_000)
    expect(state.asked).toBe(4)
    expect(clock.now()).toBe(state.redisMs)
    expect(state.steps).toEqual(steps)
  })
})

describe("ServiceMeter", () => {
  const sample = (jobMs: number) => ({
    laneMs: jobMs,
    jobMs,
    decodeMs: 0,
    megapixels: 0,
    endedMs: 0,
    isBacklogged: false,
  })

  it("says the mean of the first jobs, and then forgets slowly", () => {
    const meter = new ServiceMeter()
    for (const jobMs of [100, 200, 300]) meter.record("m", sample(jobMs))
    expect(meter.describe(["m"], { lanes: 2, fetches: 32 }).m).toMatchObject({ jobMs: 200, perSecond: 10 })
    for (let i = 0; i < 200; i++) meter.record("m", sample(50))
    expect(meter.describe(["m"], { lanes: 2, fetches: 32 }).m?.jobMs).toBeLessThan(55)
    meter.record("m", sample(1_050))
    expect(meter.describe(["m"], { lanes: 2, fetches: 32 }).m?.jobMs).toBeLessThan(90)
  })

  it("is not hurried by jobs that take no lane", () => {
    const meter = new ServiceMeter()
    for (let n = 1; n <= 50; n++) {
      meter.record("m", { ...sample(100), endedMs: n * 100, isBacklogged: true })
      for (const endedMs of [n * 100 + 30, n * 100 + 60]) {
        meter.record("@inspect@url", { ...sample(500), laneMs: 0, endedMs, isBacklogged: true })
      }
    }
    const rates = meter.describe(["m", "@inspect@url"], { lanes: 1, fetches: 32 })
    expect(rates.m?.perSecond).toBe(10)
    expect(rates["@inspect@url"]?.perSecond).toBe(64)
    // Lanes that were idle in between are no measure, whoever noticed.
    meter.record("@inspect@url", { ...sample(500), laneMs: 0, endedMs: 6_000, isBacklogged: false })
    meter.record("m", { ...sample(100), endedMs: 99_000, isBacklogged: true })
    expect(meter.describe(["m"], { lanes: 1, fetches: 32 }).m?.perSecond).toBe(10)
  })
})
