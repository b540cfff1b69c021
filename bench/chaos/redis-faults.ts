import { setTimeout as delay } from "node:timers/promises"
import { createClient } from "@redis/client"
import { encodeWakeUp } from "../../src/lib/queue/wake-up-message.ts"
import { counterFields, createKeys } from "../../src/lib/redis/keys.ts"
import type { Client } from "../../test/support/store/store-audit.ts"

const keys = createKeys()
const DAMAGED = "damaged"
/** Outlives the run; the records go before Redis is accounted for. */
const DAMAGED_TTL_MS = 3_600_000

async function withRedis<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client: Client = createClient({ url })
  client.on("error", () => undefined) // the command that meets it rejects
  await client.connect()
  try {
    return await work(client)
  } finally {
    client.destroy()
  }
}

/** Redis has room for nothing more, for so long. */
export function fillRedis(url: string, forMs: number): Promise<void> {
  return withRedis(url, async (client) => {
    const [, used = ""] = /used_memory:(\d+)/.exec(await client.info("memory")) ?? []
    await client.configSet("maxmemory", String(Math.floor(Number(used) * 0.9)))
    try {
      await delay(forMs)
    } finally {
      await client.configSet("maxmemory", "0")
    }
  })
}

/** A policy that would drop jobs, for so long; Redis is not full meanwhile. */
export function allowEviction(url: string, forMs: number): Promise<void> {
  return withRedis(url, async (client) => {
    await client.configSet("maxmemory-policy", "allkeys-lru")
    try {
      await delay(forMs)
    } finally {
      await client.configSet("maxmemory-policy", "noeviction")
    }
  })
}

export function flushScripts(url: string): Promise<void> {
  return withRedis(url, async (client) => void (await client.scriptFlush()))
}

export function killSubscribers(url: string): Promise<void> {
  return withRedis(url, async (client) => void (await client.sendCommand(["CLIENT", "KILL", "TYPE", "pubsub"])))
}

/** Waits in a queue before everything else, and is counted: what a script does with it must not harm its neighbours. */
const PLANT = `
local id, key = ARGV[1], KEYS[1]
local member = id .. " 3 key:damaged"
local head = redis.call("ZRANGE", key, 0, 0, "WITHSCORES")
if ARGV[2] == "text" then redis.call("SET", KEYS[3], "{ not JSON") else redis.call("HSET", KEYS[3], "a", "hash") end
redis.call("PEXPIRE", KEYS[3], ARGV[3])
redis.call("ZADD", key, tonumber(head[2] or 0) - 1, member)
redis.call("PEXPIRE", key, ARGV[3])
redis.call("HINCRBY", KEYS[2], ARGV[5], 1)
redis.call("HINCRBY", KEYS[2], ARGV[6], 3)
redis.call("HINCRBY", KEYS[2], ARGV[7], 1)
redis.call("HINCRBY", KEYS[2], ARGV[8], 1)
redis.call("HINCRBY", KEYS[2], ARGV[9], 3)
redis.call("PUBLISH", KEYS[4], ARGV[4])`

/** Puts records that no script can read before the jobs that wait. Returns how many; none while no queue was ever used. */
export function plantDamaged(url: string, { number, count }: { number: number; count: number }): Promise<number> {
  return withRedis(url, async (client) => {
    const { waiting, bytes, waitingIn, waitingOf, bytesOf } = counterFields
    const caller = "key:damaged"
    const used = (await client.hKeys(keys.counters)).find((field) => field.startsWith(waitingIn("")))
    if (used === undefined) return 0
    const queue = used.slice(waitingIn("").length)
    for (let planted = 0; planted < count; planted++) {
      const id = `${DAMAGED}${number}x${planted}`
      const kind = planted % 2 === 0 ? "text" : "hash"
      const wakeUp = encodeWakeUp({ kind: "queued", queue })
      const fields = [waiting, bytes, waitingIn(queue), waitingOf(caller), bytesOf(caller)]
      await client.eval(PLANT, {
        keys: [keys.queue(queue), keys.counters, keys.job(id), keys.wakeChannel],
        arguments: [id, kind, String(DAMAGED_TTL_MS), wakeUp, ...fields],
      })
    }
    return count
  })
}

/** Takes the damaged records away again, so that what is left can be accounted for. Returns how many there were. */
export function removeDamaged(url: string): Promise<number> {
  return withRedis(url, async (client) => {
    const found = await client.keys(`${keys.job(DAMAGED)}*`)
    if (found.length === 0) return 0
    await client.del(found)
    await client.zRem(
      keys.dead,
      found.map((key) => key.slice(keys.job("").length)),
    )
    return found.length
  })
}
