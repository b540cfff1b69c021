import { createClient } from "@redis/client"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { KNOWN_KEY_MS, KnownKeys } from "../../../src/edge/auth/known-keys.ts"
import { hashApiKey, newApiKey } from "../../../src/lib/callers/api-key.ts"
import { ApiKeyStore } from "../../../src/lib/callers/api-key-store.ts"
import { createKeys } from "../../../src/lib/redis/keys.ts"
import { connectRest } from "../../../src/lib/redis/rest.ts"
import { openInProcess } from "../../support/edge/edge-in-process.ts"
import { edgeEnv } from "../../support/edge/edge-runtime.ts"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../support/redis/redis-server.ts"
import { billFor } from "../../support/store/billing.ts"
import type { Client } from "../../support/store/store-audit.ts"

let server: TestRedis
let gateway: TestGateway
let client: Client
let store: ApiKeyStore
beforeAll(async () => {
  server = await startRedis()
  gateway = await startGateway({ redisUrl: server.url })
  client = createClient({ url: server.url })
  await client.connect()
  store = new ApiKeyStore(connectRest(gateway), createKeys())
})
afterAll(async () => {
  client.destroy()
  await gateway.close()
  await server.stop()
})
beforeEach(() => client.flushAll())

const commandsOf = async (work: () => Promise<unknown>) => (await billFor(client, work)).commands

/** An edge for keys alone, on a clock that a test moves. */
async function openEdge() {
  const clock = { nowMs: Date.parse("2026-01-31T12:00:00Z") }
  const now = () => clock.nowMs
  const env = await edgeEnv(gateway, { ALLOW_ANONYMOUS: "false" })
  const edge = openInProcess(env, { now, knownKeys: new KnownKeys(store, now) })
  const ask = (key: string) => edge.request("/v1/classifications/x", { headers: { authorization: `Bearer ${key}` } })
  /** 404 is what a key that is known hears of a ticket that is none. */
  const statusFor = async (key: string) => (await ask(key)).status
  return { clock, ask, statusFor }
}

async function makeKey(name: string): Promise<string> {
  const key = await newApiKey()
  expect(await store.create({ name, weight: 1, createdMs: 0 }, await hashApiKey(key))).toBe("created")
  return key
}

describe("KnownKeys", () => {
  it("asks Redis once for a key, and again only when it has been known for a while", async () => {
    const { clock, statusFor } = await openEdge()
    const key = await makeKey("alice")
    expect(await commandsOf(() => statusFor(key))).toEqual({ hget: 1, hset: 1 })
    const busy = async () => {
      for (let i = 0; i < 100; i++) expect(await statusFor(key)).toBe(404)
    }
    expect(await commandsOf(busy)).toEqual({})
    clock.nowMs += KNOWN_KEY_MS
    expect(await commandsOf(() => statusFor(key))).toEqual({ hget: 1 })
  })

  it("notes the day of a key's last use", async () => {
    const { clock, statusFor } = await openEdge()
    const key = await makeKey("alice")
    expect((await store.list()).keys).toMatchObject([{ name: "alice", lastUsedDay: null }])
    await statusFor(key)
    expect((await store.list()).keys).toMatchObject([{ name: "alice", lastUsedDay: "2026-01-31" }])
    clock.nowMs += 86_400_000
    expect(await commandsOf(() => statusFor(key))).toEqual({ hget: 1, hset: 1 })
    expect((await store.list()).keys).toMatchObject([{ name: "alice", lastUsedDay: "2026-02-01" }])
  })

  it("refuses a revoked key within its time, and not another one", async () => {
    const { clock, ask, statusFor } = await openEdge()
    const [alice, bob] = [await makeKey("alice"), await makeKey("bob")]
    for (const key of [alice, bob]) expect(await statusFor(key)).toBe(404)
    expect(await store.revoke("alice", clock.nowMs)).toBe("revoked")
    clock.nowMs += KNOWN_KEY_MS
    const response = await ask(alice)
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({ code: "unknown_key", detail: expect.stringContaining("revoked") })
    expect(await statusFor(bob)).toBe(404)
  })

  it("takes a key that was just made within five seconds, although it was tried before", async () => {
    const { clock, statusFor } = await openEdge()
    const key = await newApiKey()
    expect(await statusFor(key)).toBe(401)
    await store.create({ name: "alice", weight: 1, createdMs: 0 }, await hashApiKey(key))
    clock.nowMs += 5_000
    expect(await statusFor(key)).toBe(404)
  })

  it("asks Redis rarely for a key that does not exist, and not at all for one that cannot", async () => {
    const { statusFor } = await openEdge()
    const key = await newApiKey()
    const insist = async () => {
      for (let i = 0; i < 50; i++) expect(await statusFor(key)).toBe(401)
    }
    expect(await commandsOf(insist)).toEqual({ hget: 1 })
    const mistype = async () => {
      for (let i = 0; i < 50; i++) expect(await statusFor(`${key.slice(0, -1)}${key.endsWith("0") ? 1 : 0}`)).toBe(401)
    }
    expect(await commandsOf(mistype)).toEqual({})
  })

  it("holds back who guesses, and lets through who was known", async () => {
    const { clock, ask, statusFor } = await openEdge()
    const key = await makeKey("alice")
    await statusFor(key)
    const guess = async () => {
      const statuses = []
      for (let i = 0; i < 100; i++) statuses.push(await statusFor(await newApiKey()))
      return statuses
    }
    expect(await commandsOf(async () => expect(new Set(await guess())).toEqual(new Set([401, 429])))).toEqual({
      hget: 20,
    })
    const held = await ask(await newApiKey())
    expect(held.headers.get("retry-after")).toBe("3")
    expect(await held.json()).toMatchObject({ code: "too_many_guesses", status: 429 })
    clock.nowMs += KNOWN_KEY_MS
    expect(await statusFor(key)).toBe(404)
    clock.nowMs += 3_000
    expect(await statusFor(await makeKey("bob"))).toBe(404)
  })
})

describe("who guesses many keys at once", () => {
  it("is held back once they are counted", async () => {
    const { statusFor } = await openEdge()
    const at = async (count: number) =>
      Promise.all(Array.from({ length: count }, async () => statusFor(await newApiKey())))
    // So many that their steps together reach beyond what a clock could be wrong by.
    await at(60)
    expect(new Set(await at(20))).toEqual(new Set([429]))
  })
})

describe("ApiKeyStore", () => {
  const record = (name: string) => ({ name, weight: 3, rateLimit: "5/10s", maxDepth: 7, createdMs: 1 })

  it("keeps a hash and never a key, for ever", async () => {
    const key = await newApiKey()
    await store.create(record("alice"), await hashApiKey(key))
    for (const name of await client.keys("*")) {
      expect(JSON.stringify([name, await client.hGetAll(name)])).not.toContain(key.slice(3, 35))
      expect(await client.ttl(name)).toBe(-1)
    }
    expect(await store.find(await hashApiKey(key))).toEqual({
      ...record("alice"),
      rateLimit: { count: 5, windowMs: 10_000 },
    })
  })

  it("gives a name once: not to a second key, and not after its key was revoked", async () => {
    expect(await store.create(record("alice"), "a".repeat(64))).toBe("created")
    expect(await store.create(record("alice"), "a".repeat(64))).toBe("created") // its reply was lost
    expect(await store.create(record("alice"), "b".repeat(64))).toBe("taken")
    expect(await store.find("b".repeat(64))).toBeNull()
    for (let i = 0; i < 2; i++) expect(await store.revoke("alice", 5)).toBe("revoked")
    expect(await store.create(record("alice"), "a".repeat(64))).toBe("revoked")
    expect(await store.find("a".repeat(64))).toBeNull()
    expect(await store.revoke("bob", 5)).toBe("missing")
    expect(await store.list()).toEqual({ keys: [], revoked: [{ name: "alice", revokedMs: 5 }] })
    expect(await store.any()).toBe(false)
  })
})
