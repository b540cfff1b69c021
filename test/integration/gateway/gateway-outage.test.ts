import { Redis } from "@upstash/redis"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Log } from "../../../src/lib/log.ts"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../support/redis/redis-server.ts"

let server: TestRedis
let gateway: TestGateway
let events: string[]
let commands: string[]

beforeEach(async () => {
  events = []
  commands = []
  const note = (event: string) => void events.push(event)
  const log: Log = { debug: note, info: note, warn: note, error: note }
  server = await startRedis({ appendOnly: true })
  gateway = await startGateway({
    redisUrl: server.url,
    log,
    onCommand: ([name]) => void commands.push(String(name)),
  })
})
afterEach(async () => {
  await gateway.close()
  await server.stop()
})

function call(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(gateway.url + path, { ...init, headers: { authorization: `Bearer ${gateway.token}` } })
}

/** At once, that is: while Redis is away, what waited for it would wait for ever. */
async function expectUnavailable(path: string, body?: unknown): Promise<void> {
  const response = await call(path, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) })
  expect(response.status).toBe(503)
  expect(await response.json()).toEqual({ error: "ERR Redis cannot be reached" })
}

describe("while Redis is away", () => {
  it("every path answers 503 as JSON at once, and works again when Redis is back", async () => {
    await call("/set/k/v")
    await server.kill()
    await expectUnavailable("/get/k")
    await expectUnavailable("/", ["GET", "k"])
    await expectUnavailable("/pipeline", [["GET", "k"], ["PING"]])
    await expectUnavailable("/multi-exec", [["GET", "k"]])
    await expectUnavailable("/subscribe/c")
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(503)
    await server.restart()
    await expect.poll(async () => (await call("/get/k")).status, { timeout: 10_000 }).toBe(200)
    expect(await (await call("/get/k")).json()).toEqual({ result: "v" })
    expect((await call("/multi-exec", { method: "POST", body: '[["PING"]]' })).status).toBe(200)
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
    expect(events).toEqual(["redis.connected", "redis.unreachable", "redis.connected"])
  })

  it("a request that was waiting for its reply gets 503, not silence", async () => {
    server.pause()
    const waiting = call("/get/k")
    await expect.poll(() => commands).toEqual(["get"])
    await server.kill()
    expect((await waiting).status).toBe(503)
  })

  it("one that hangs counts as away, and is found again when it goes on", async () => {
    const impatient = await startGateway({ redisUrl: server.url, silenceLimitMs: 300 })
    const ping = () => fetch(`${impatient.url}/ping`, { headers: { authorization: `Bearer ${impatient.token}` } })
    const stream = await fetch(`${impatient.url}/subscribe/c?_token=${impatient.token}`)
    server.pause()
    expect((await ping()).status).toBe(503)
    expect(await stream.text()).toContain("subscribe,c,1")
    server.resume()
    await expect.poll(async () => (await ping()).status, { timeout: 10_000 }).toBe(200)
    await impatient.close()
  })

  it("an event stream ends", async () => {
    const stream = await call("/subscribe/c")
    await server.kill()
    expect(await stream.text()).toContain("data: subscribe,c,1")
  })
})

it("a transaction that dies half-way leaves no MULTI behind for others", async () => {
  const redis = new Redis({ url: gateway.url, token: gateway.token, enableTelemetry: false, retry: { retries: 0 } })
  server.pause()
  const lost = redis.multi().set("a", 1).set("b", 2).exec()
  const failed = expect(lost).rejects.toThrow("ERR Redis cannot be reached")
  await expect.poll(() => commands).toEqual(["set", "set"])
  await server.kill()
  await failed
  await server.restart()
  await expect.poll(async () => (await call("/ping")).status, { timeout: 10_000 }).toBe(200)
  expect(await redis.set("c", 3)).toBe("OK")
  expect(await redis.multi().set("a", 1).get("a").exec()).toEqual(["OK", 1])
})
