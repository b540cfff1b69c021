import { setTimeout as delay } from "node:timers/promises"
import { createClient } from "@redis/client"
import { counterFields, createKeys } from "../../src/lib/redis/keys.ts"
import type { Client } from "../../test/support/store/store-audit.ts"

const keys = createKeys()
const DAMAGED = "damaged"
/** Outlives the run; the records go before Redis is accounted for. */
const DAMAGED_TTL_MS = 3_600_000
const QUEUE_PATIENCE_MS = 2_000

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
if #head == 0 then return 0 end
if ARGV[2] == "text" then redis.call("SET", KEYS[3], "{ not JSON") else redis.call("HSET", KEYS[3], "a", "hash") end
redis.call("PEXPIRE", KEYS[3], ARGV[3])
redis.call("ZADD", key, tonumber(head[2]) - 1, member)
redis.call("HINCRBY", KEYS[2], ARGV[4], 1)
redis.call("HINCRBY", KEYS[2], ARGV[5], 3)
redis.call("HINCRBY", KEYS[2], ARGV[6], 1)
redis.call("HINCRBY", KEYS[2], ARGV[7], 1)
redis.call("HINCRBY", KEYS[2], ARGV[8], 3)
return 1`

/** Puts records that no script can read before the jobs that wait. Returns how many; none while nothing waits. */
export function plantDamaged(url: string, { number, count }: { number: number; count: number }): Promise<number> {
  return withRedis(url, async (client) => {
    const prefix = keys.queue("")
    const endMs = performance.now() + QUEUE_PATIENCE_MS
    let planted = 0
    while (planted < count && performance.now() < endMs) {
      const [queue] = await client.keys(`${prefix}*`)
      if (queue !== undefined) {
        const id = `${DAMAGED}${number}x${planted}`
        const { waiting, bytes, waitingIn, waitingOf, bytesOf } = counterFields
        const caller = "key:damaged"
        const fields = [waiting, bytes, waitingIn(queue.slice(prefix.length)), waitingOf(caller), bytesOf(caller)]
        const kind = planted % 2 === 0 ? "text" : "hash"
        planted += Number(
          await client.eval(PLANT, {
            keys: [queue, keys.counters, keys.job(id)],
            arguments: [id, kind, String(DAMAGED_TTL_MS), ...fields],
          }),
        )
      }
      await delay(10)
    }
    return planted
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
