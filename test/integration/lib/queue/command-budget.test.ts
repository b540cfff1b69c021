import { createClient } from "@redis/client"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest"
import { createApp } from "../../../../src/edge/app.ts"
import { createServices } from "../../../../src/edge/services.ts"
import type { Redis } from "../../../../src/lib/redis/redis.ts"
import { connectRest } from "../../../../src/lib/redis/rest.ts"
import { type BilledClassifier, startBilledClassifier } from "../../../support/classifier/billing-classifier.ts"
import { flatPng } from "../../../support/images/images.ts"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../../support/redis/redis-server.ts"
import { type Bill, billFor, billPer } from "../../../support/store/billing.ts"
import type { Client } from "../../../support/store/store-audit.ts"

/*
 * Where the commands of one job go. In a full queue a claim is shared by as many jobs as there are lanes.
 *
 *   upload     1   SET of the bytes
 *   enqueue    9   EVALSHA, SET content, HMGET, PEXPIRE bytes, SET job, ZADD, HSET, and
 *                  PEXPIRE queue + PUBLISH (idle system) or ZRANK (full queue, where it makes 8)
 *   claim      7   EVALSHA, ZPOPMIN, HMGET, MGET, SET job, ZADD, HSET (one SET a job, the rest shared)
 *   bytes      1   GET
 *   finish     4   EVALSHA, ZREM, SET, UNLINK
 *
 * That is 22 for a job that is alone. It pays for more when it wakes a sleeper: the beat (every minute at most), the look at
 * leases (every 2 s), the edge's look at the registry (every 10 s); from this the idle looks that it saves are taken off.
 */
const HOUR_MS = 3_600_000

let server: TestRedis
let gateway: TestGateway
let redis: Redis
let client: Client

beforeAll(async () => {
  server = await startRedis()
  gateway = await startGateway({ redisUrl: server.url })
  redis = connectRest({ url: gateway.url, token: gateway.token, timeoutMs: 20_000 })
  client = createClient({ url: server.url })
  await client.connect()
})
afterAll(async () => {
  client.destroy()
  await gateway.close()
  await server.stop()
})

let classifier: BilledClassifier
beforeEach(async () => {
  await client.flushAll()
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] })
})
afterEach(async () => {
  await classifier.stop()
  vi.useRealTimers()
})

let pictures = 0

/** An edge as one isolate has it: its registry is read with the first request, and again when it is ten seconds old. */
function openEdge(): () => Promise<void> {
  const env = {
    UPSTASH_REDIS_REST_URL: gateway.url,
    UPSTASH_REDIS_REST_TOKEN: gateway.token,
    TICKET_SECRET: "0123456789abcdef",
    ALLOW_ANONYMOUS: "1",
  }
  // Redis knows nothing of the simulated time.
  const services = { ...createServices(env, { server: "test", write: () => undefined }), now: Date.now }
  const app = createApp(services, { clientAddress: () => "203.0.113.7", ownHosts: [] })
  return async () => {
    pictures++
    const body = new Uint8Array(flatPng([pictures % 256, pictures >> 8, 9]))
    const headers = { "content-type": "image/png", "content-length": String(body.length) }
    const response = await app.request("/v1/classifications?model=m", { method: "POST", body, headers })
    expect(response.status).toBe(202)
  }
}

/** A failure says where the commands went. */
function expectAtMost(most: number, bill: Bill): void {
  expect(bill.total, JSON.stringify(bill.commands)).toBeLessThanOrEqual(most)
  // A meter that stands still would hold any budget.
  expect(bill.total).toBeGreaterThan(most * 0.9)
}

// Hours pass in seconds, but each look in them is a real request.
describe("Redis commands, as Upstash bills them", { timeout: 180_000 }, () => {
  it("of an idle classifier are at most 240 an hour", async () => {
    classifier = await startBilledClassifier(redis, { lanes: 2 })
    await classifier.pass(HOUR_MS)
    const hour = await billFor(client, () => classifier.pass(HOUR_MS))
    expectAtMost(240, hour)
  })

  it.each([
    { what: "a lone job now and then", everyMs: HOUR_MS / 10, jobs: 10, most: 24 },
    { what: "lone jobs, one every second", everyMs: 1_000, jobs: 60, most: 24 },
  ])("of $what are at most $most each, over those of an idle system", async ({ everyMs, jobs, most }) => {
    classifier = await startBilledClassifier(redis, { lanes: 2 })
    const submit = openEdge()
    const submitAndWait = async () => {
      const count = classifier.done() + 1
      const woken = classifier.wakes()
      await submit()
      await woken
      await classifier.passUntil(() => classifier.done() === count)
    }
    await submitAndWait()
    await classifier.pass(HOUR_MS)
    const idle = await billFor(client, () => classifier.pass(jobs * everyMs))
    const withJobs = await billFor(client, async () => {
      for (let i = 0; i < jobs; i++) {
        await classifier.pass(everyMs / 2)
        await submitAndWait()
        await classifier.pass(everyMs / 2)
      }
    })
    const each = billPer(jobs, withJobs, idle)
    expectAtMost(most, each)
  })

  it.each([
    { lanes: 2, most: 19 },
    { lanes: 4, most: 17.4 },
  ])("of a job in a full queue are at most $most with $lanes lanes", async ({ lanes, most }) => {
    classifier = await startBilledClassifier(redis, { lanes })
    const submit = openEdge()
    await submit()
    await classifier.passUntil(() => classifier.done() === 1)
    const jobs = 200
    const bill = await billFor(client, async () => {
      for (let i = 0; i < jobs; i++) await submit()
      await classifier.passUntil(() => classifier.done() === jobs + 1)
    })
    expectAtMost(most, billPer(jobs, bill))
  })
})
