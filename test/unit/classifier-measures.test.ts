import { describe, expect, it } from "vitest"
import { RedisClock } from "../../src/classifier/redis-clock.ts"
import { ServiceMeter } from "../../src/classifier/service-meter.ts"
import type { RedisRest } from "../../src/lib/redis.ts"

describe("RedisClock", () => {
  it("believes the quickest of the last replies", async () => {
    let ms = 1_000
    let way = [0, 0]
    const redis = {
      async call() {
        ms += way[0] ?? 0
        const redisMs = 500_000 + ms
        ms += way[1] ?? 0
        return [Math.floor(redisMs / 1_000), (redisMs % 1_000) * 1_000]
      },
    } as unknown as RedisRest
    const clock = new RedisClock(redis, () => ms)
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
})
