import { createClient } from "@redis/client"
import { Registry } from "prom-client"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { EvictionWatch, Readiness } from "../../../src/classifier/health/readiness.ts"
import { Reachability } from "../../../src/classifier/loops/until-reached.ts"
import { createGateway } from "../../../src/gateway/app.ts"
import { createReadiness } from "../../../src/gateway/redis/readiness.ts"
import { connectRedis as connectLink } from "../../../src/gateway/redis/redis-link.ts"
import { startHealthServer } from "../../../src/health/health-server.ts"
import { silentLog } from "../../../src/lib/log.ts"
import { connectRest } from "../../../src/lib/redis/rest.ts"
import { expectProblem } from "../../contract/edge/client.ts"
import { openInProcess } from "../../support/edge/edge-in-process.ts"
import { edgeEnv } from "../../support/edge/edge-runtime.ts"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../support/redis/redis-server.ts"
import type { Client } from "../../support/store/store-audit.ts"

let server: TestRedis
let gateway: TestGateway
let client: Client
let commands = 0
beforeAll(async () => {
  server = await startRedis()
  gateway = await startGateway({
    redisUrl: server.url,
    onCommand: () => {
      commands++
    },
  })
  client = createClient({ url: server.url })
  await client.connect()
})
const closing: (() => unknown)[] = []
afterEach(async () => {
  server.resume()
  for (const close of closing.splice(0)) await close()
  await configure({ maxmemory: "0", "maxmemory-policy": "noeviction", requirepass: "" })
})
afterAll(async () => {
  client?.destroy()
  await gateway?.close()
  await server?.stop()
})

const configure = (settings: Record<string, string>) => client.configSet(settings)
const FULL = { maxmemory: "1" }
const EVICTS = { maxmemory: "1gb", "maxmemory-policy": "volatile-lru" }

async function expectNotReady(response: Response, code: string): Promise<void> {
  expect(response.status).toBe(503)
  expect(await response.json()).toMatchObject({ code })
}

describe("GET /readyz of the gateway", () => {
  /** A gateway that sees nothing of what the one before saw. */
  const readyz = async ({ url = server.url, allowEviction = false } = {}) => {
    const redis = connectLink({ url, log: silentLog })
    closing.push(() => redis.close())
    const app = createGateway({ redis, token: "t", findProblem: createReadiness(redis, { allowEviction }) })
    await Promise.race([redis.connected, expect.poll(() => redis.lastError(), { timeout: 10_000 }).toBeDefined()])
    return () => app.request("/readyz")
  }

  it("is 503 redis_unauthorized without the password of its Redis, and with a wrong one", async () => {
    await configure({ requirepass: "secret" })
    await expectNotReady(await (await readyz())(), "redis_unauthorized")
    const wrong = await (await readyz({ url: server.url.replace("//", "//:hunter2@") }))()
    await expectNotReady(wrong, "redis_unauthorized")
    expect((await (await readyz({ url: server.url.replace("//", "//:secret@") }))()).status).toBe(200)
  })

  it("is 503 while its Redis hangs, and 200 when that goes on", async () => {
    const ask = await readyz()
    server.pause()
    await expectNotReady(await ask(), "redis_unavailable")
    server.resume()
    await expect.poll(async () => (await ask()).status, { timeout: 10_000 }).toBe(200)
  })

  it("is 503 redis_evicts where keys may be dropped, unless that is allowed, and 200 on a full one that drops none", async () => {
    await configure(EVICTS)
    await expectNotReady(await (await readyz())(), "redis_evicts")
    expect((await (await readyz({ allowEviction: true }))()).status).toBe(200)
    await configure({ maxmemory: "0" })
    expect((await (await readyz())()).status).toBe(200)
    await configure({ ...FULL, "maxmemory-policy": "noeviction" })
    expect((await (await readyz())()).status).toBe(200)
  })
})

describe("GET /readyz of the edge", () => {
  const readyz = async (change: Record<string, string> = {}) =>
    openInProcess({ ...(await edgeEnv(gateway)), ...change }).request("/readyz")

  it("is 200, and leaves nothing in Redis", async () => {
    expect((await readyz()).status).toBe(200)
    expect(await client.keys("*")).toEqual([])
  })

  it("is 503 redis_full while nothing can be written", async () => {
    await configure(FULL)
    await expectProblem(await readyz(), 503, "redis_full")
    await configure({ maxmemory: "0" })
    expect((await readyz()).status).toBe(200)
  })

  it("is 200 with a warning while Redis is nearly full, as /v1/queue has it, and logs that once", async () => {
    const used = Number(/used_memory:(\d+)/.exec(await client.info("memory"))?.[1])
    await configure({ maxmemory: String(Math.round(used * 1.2)) })
    const edge = openInProcess(await edgeEnv(gateway))
    for (const path of ["/readyz", "/v1/queue", "/readyz"]) {
      const { warnings } = (await (await edge.request(path)).json()) as { warnings: unknown[] }
      expect(warnings).toEqual([{ code: "redis_nearly_full", message: expect.stringMatching(/^Redis uses 8\d % /) }])
    }
    expect(edge.logged().split("queue.nearly_full")).toHaveLength(2)
  })

  it("is 503 redis_unauthorized with a token that is wrong, and where the gateway's password is", async () => {
    await expectProblem(await readyz({ UPSTASH_REDIS_REST_TOKEN: "wrong" }), 503, "redis_unauthorized")
    await configure({ requirepass: "secret" })
    const stranger = await startGateway({ redisUrl: server.url })
    closing.push(() => stranger.close())
    await expectProblem(await readyz({ UPSTASH_REDIS_REST_URL: stranger.url }), 503, "redis_unauthorized")
  })

  it("is 503 redis_evicts where keys may be dropped, unless that is allowed", async () => {
    await configure(EVICTS)
    await expectProblem(await readyz(), 503, "redis_evicts")
    expect((await readyz({ ALLOW_EVICTION: "true" })).status).toBe(200)
  })
})

describe("GET /readyz of the classifier", () => {
  const open = async ({ token = gateway.token, allowed = false } = {}) => {
    const redis = connectRest({ url: gateway.url, token })
    const reachability = new Reachability(silentLog)
    const eviction = new EvictionWatch(redis, { allowed, log: silentLog })
    const readiness = new Readiness({ redis, reachability, eviction: () => eviction.problem })
    const health = await startHealthServer({
      ...{ host: "127.0.0.1", port: 0, allowedHosts: [], registry: new Registry(), log: silentLog },
      findProblem: () => readiness.problem(),
    })
    closing.push(() => health.close())
    return { eviction, readyz: () => fetch(`${health.url}/readyz`) }
  }

  it("is 503 while Redis hangs, although nothing was asked of it, and 200 when that goes on", async () => {
    const { readyz } = await open()
    server.pause()
    await expectNotReady(await readyz(), "redis_unavailable")
    server.resume()
    await expect.poll(async () => (await readyz()).status, { timeout: 10_000 }).toBe(200)
  })

  it("is 503 redis_unauthorized with a token that is wrong", async () => {
    await expectNotReady(await (await open({ token: "wrong" })).readyz(), "redis_unauthorized")
  })

  it("is 200 on a full Redis, which it drains, and costs one command however often it is asked", async () => {
    await configure(FULL)
    const { readyz } = await open()
    const before = commands
    for (let i = 0; i < 5; i++) expect((await readyz()).status).toBe(200)
    expect(commands - before).toBe(1)
  })

  it("is 503 redis_evicts where keys may be dropped, unless that is allowed", async () => {
    await configure(EVICTS)
    const [strict, easy] = [await open(), await open({ allowed: true })]
    for (const { eviction } of [strict, easy]) await eviction.look()
    await expectNotReady(await strict.readyz(), "redis_evicts")
    expect((await easy.readyz()).status).toBe(200)
  })
})
