import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import { AppError } from "../../../../src/lib/app-error.ts"
import { type OutputLimits, StoredOutputs } from "../../../../src/lib/outputs/stored-outputs.ts"
import { createKeys } from "../../../../src/lib/redis/keys.ts"
import type { Redis } from "../../../../src/lib/redis/redis.ts"
import { connectRest } from "../../../../src/lib/redis/rest.ts"
import { createSealer } from "../../../../src/lib/redis/sealed-bytes.ts"
import { redisSdk } from "../../../support/redis/redis-sdk.ts"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../../support/redis/redis-server.ts"

const HOUR_MS = 3_600_000
const T0 = 1_700_000_000_000
const LIMITS: OutputLimits = { maxBytes: 1_000_000, maxAllBytes: 10_000_000, ttlMs: 24 * HOUR_MS }

let server: TestRedis
let gateway: TestGateway
let redis: Redis
let sdk: ReturnType<typeof redisSdk>
const keys = createKeys("test")

beforeAll(async () => {
  server = await startRedis()
  gateway = await startGateway({ redisUrl: server.url })
  redis = connectRest({ url: gateway.url, token: gateway.token, timeoutMs: 20_000 })
  sdk = redisSdk(gateway)
})
afterAll(async () => {
  await gateway.close()
  await server.stop()
})
beforeEach(() => sdk.flushall())

const output = (bytes: Uint8Array, caller = "key:alice") => ({
  bytes,
  caller,
  contentType: "image/webp",
  sha256: "5ha",
})
const noise = (bytes: number) => crypto.getRandomValues(new Uint8Array(Math.min(bytes, 65_536)))
const store = (limits: Partial<OutputLimits> = {}, secrets: string[] = []) =>
  new StoredOutputs(redis, keys, { ...LIMITS, ...limits }, createSealer(secrets))

describe("StoredOutputs", () => {
  test("gives back what was put, of any bytes, until it expires; and nothing for another job", async () => {
    for (const bytes of [noise(65_536), Uint8Array.of(10, 13, 0, 123, 10), new Uint8Array()]) {
      await store().put("one", output(bytes), { nowMs: T0 })
      expect(await store().read("one")).toEqual(output(bytes))
    }
    expect(await store().read("two")).toBeNull()
    const ttlMs = await sdk.pttl(keys.output("one"))
    expect(ttlMs).toBeGreaterThan(LIMITS.ttlMs - 60_000)
    expect(ttlMs).toBeLessThanOrEqual(LIMITS.ttlMs)
  })

  test("lives as long as its result, where that is longer", async () => {
    await store().put("one", output(noise(10)), { nowMs: T0, keepUntilMs: T0 + 48 * HOUR_MS })
    expect(await sdk.pttl(keys.output("one"))).toBeGreaterThan(47 * HOUR_MS)
  })

  test("leaves no key without a TTL, and puts a repeated attempt over the first", async () => {
    await store().put("one", output(noise(10)), { nowMs: T0 })
    await store().put("one", output(noise(20)), { nowMs: T0 })
    const all = await sdk.keys("*")
    expect(all.sort()).toEqual([keys.output("one"), keys.outputBytes, keys.outputBytesOf("key:alice")].sort())
    for (const key of all) expect(await sdk.pttl(key)).toBeGreaterThan(0)
    expect((await store().read("one"))?.bytes).toHaveLength(20)
  })

  test("refuses one that is too large, and keeps nothing of it", async () => {
    await expect(store({ maxBytes: 9 }).put("one", output(noise(10)), { nowMs: T0 })).rejects.toMatchObject({
      code: "output_too_large",
    })
    expect(await sdk.dbsize()).toBe(0)
  })

  test("refuses what all outputs together have no room for, until some have expired", async () => {
    const limits = { maxAllBytes: 2_500 }
    await store(limits).put("one", output(noise(1_000), "key:1"), { nowMs: T0 })
    await store(limits).put("two", output(noise(1_000), "key:2"), { nowMs: T0 + 2 * HOUR_MS })
    const full = {
      code: "outputs_full",
      message: "Cannot keep the output: all outputs together would exceed 2500 bytes",
    }
    await expect(
      store(limits).put("three", output(noise(1_000), "key:3"), { nowMs: T0 + 3 * HOUR_MS }),
    ).rejects.toMatchObject(full)
    expect(await store(limits).read("three")).toBeNull()
    // The first goes in the 25th hour.
    await store(limits).put("three", output(noise(1_000), "key:4"), { nowMs: T0 + 25 * HOUR_MS })
    await expect(
      store(limits).put("four", output(noise(1_000), "key:5"), { nowMs: T0 + 25 * HOUR_MS }),
    ).rejects.toMatchObject(full)
  })

  test("keeps half of all for one caller at most, and has room for others then", async () => {
    const limits = { maxAllBytes: 5_000 }
    const put = (id: string, caller: string) => store(limits).put(id, output(noise(1_000), caller), { nowMs: T0 })
    for (const id of ["one", "two"]) await put(id, "key:alice")
    await expect(put("three", "key:alice")).rejects.toMatchObject({ code: "caller_bytes_full", status: 429 })
    expect(await store(limits).read("three")).toBeNull()
    for (const id of ["four", "five"]) await put(id, "key:bob")
  })

  test("takes its room once, however often its bytes fail, and gives it back when Redis goes on refusing them", async () => {
    const outage = new AppError("redis_unavailable", "Cannot reach the queue's Redis")
    const setBytes = vi.fn<Redis["setBytes"]>().mockRejectedValue(outage)
    let isUp = false
    const ping = () => (isUp ? redis.ping() : Promise.reject(outage))
    const outputs = new StoredOutputs({ ...redis, setBytes, ping } as Redis, keys, LIMITS)
    const put = () => outputs.put("one", output(noise(1_000)), { nowMs: T0 })
    const taken = async () => Number((await redis.hvals(keys.outputBytes))[0])
    // An outage is waited for, as long as it lasts.
    for (let i = 0; i < 20; i++) await expect(put()).rejects.toBe(outage)
    const once = await taken()
    expect(once).toBeGreaterThan(1_000)
    expect(once).toBeLessThan(1_200)

    isUp = true
    for (let i = 0; i < 7; i++) await expect(put()).rejects.toBe(outage)
    expect(await taken()).toBe(once)
    await expect(put()).rejects.toMatchObject({ code: "output_not_stored" })
    expect(await taken()).toBe(0)

    setBytes.mockRejectedValueOnce(outage)
    setBytes.mockImplementation(redis.setBytes)
    await expect(put()).rejects.toBe(outage)
    await put()
    expect(await taken()).toBe(once)
    // What is stored keeps its room; another attempt takes its own.
    await put()
    expect(await taken()).toBe(2 * once)
  })

  test("ends at once as output_not_stored where Redis says that it will never take the bytes", async () => {
    const refusal = new AppError("internal", "The queue refused a command")
    const outputs = new StoredOutputs({ ...redis, setBytes: () => Promise.reject(refusal) }, keys, LIMITS)
    await expect(outputs.put("one", output(noise(10)), { nowMs: T0 })).rejects.toMatchObject({
      code: "output_not_stored",
    })
    expect(await redis.hvals(keys.outputBytes)).toEqual(["0"])
  })

  test("with a secret, an output that somebody wrote into Redis unsealed is handed to nobody", async () => {
    await store().put("forged", output(new Uint8Array(10)), { nowMs: T0 })
    const secret = "a secret of thirty-two characters"
    await expect(store({}, [secret]).read("forged")).rejects.toMatchObject({ code: "payload_unreadable" })
  })

  test("with a secret, what lies in Redis tells nothing, opens for its job alone, and was not changed", async () => {
    const secret = "a secret of thirty-two characters"
    const text = new TextEncoder().encode("a very private picture")
    await store({}, [secret]).put("one", output(text), { nowMs: T0 })
    const lies = new TextDecoder("latin1").decode((await redis.getBytes(keys.output("one"))) ?? new Uint8Array())
    for (const open of ["private", "alice", "image/webp"]) expect(lies).not.toContain(open)
    expect((await store({}, [secret]).read("one"))?.bytes).toEqual(text)
    await expect(store({}, ["another secret of 32 characters.."]).read("one")).rejects.toMatchObject({
      code: "payload_unreadable",
    })
    await sdk.rename(keys.output("one"), keys.output("two"))
    await expect(store({}, [secret]).read("two")).rejects.toMatchObject({ code: "payload_unreadable" })
  })
})
