import type { RedisClientType } from "@redis/client"
import type { Keys } from "../../src/lib/queue/keys.ts"
import { auditBatches, type BatchDump } from "./batch-audit.ts"
import { auditOutbox, type OutboxDump } from "./webhook-audit.ts"

// biome-ignore lint/complexity/noBannedTypes: no modules, functions or scripts, in the client's own words
export type Client = RedisClientType<{}, {}, {}, 3>

/** A job as its JSON lies in Redis: with the fields that only the scripts know. */
export type StoredJob = {
  id: string
  state: "queued" | "processing" | "succeeded" | "failed" | "canceled"
  queue: string
  caller: string
  payloadId?: string
  bytes: number
  start: string
  attempts: number
  maxAttempts: number
  leaseToken?: string
  leader?: string
  followers?: number
  contentKey?: string
  finishedMs?: number
  result?: string
  error?: string
  left?: { state: string; finishedMs: number }
}
export type Waiting = { id: string; bytes: number; caller: string; start: number }
export type StoreDump = OutboxDump &
  BatchDump & {
    jobs: Map<string, StoredJob>
    /** By queue, in the order in which they are claimed. */
    queues: Map<string, Waiting[]>
    leases: { id: string; token: string; endMs: number }[]
    dead: string[]
    flow: Map<string, string>
    content: Map<string, string>
    payloadIds: Set<string>
    withoutTtl: string[]
  }

/** One script, so that the picture is of one instant. */
const DUMP = `
local dump = {}
for _, key in ipairs(redis.call("KEYS", "*")) do
  local kind, value = redis.call("TYPE", key).ok, ""
  if kind == "zset" then value = redis.call("ZRANGE", key, 0, -1, "WITHSCORES")
  elseif kind == "hash" then value = redis.call("HGETALL", key)
  elseif not key:find(":payload:", 1, true) then value = redis.call("GET", key) end
  dump[#dump + 1] = { key, redis.call("PTTL", key), value }
end
return dump`

export async function dumpStore(client: Client, keys: Keys): Promise<StoreDump> {
  const rows = (await client.eval(DUMP)) as [key: string, ttlMs: number, value: string | string[]][]
  const dump: StoreDump = {
    jobs: new Map(),
    queues: new Map(),
    leases: [],
    dead: [],
    flow: new Map(),
    content: new Map(),
    payloadIds: new Set(),
    deliveries: new Map(),
    lines: new Map(),
    outbox: new Map(),
    batches: new Map(),
    flights: new Map(),
    due: new Set(),
    withoutTtl: rows.filter(([, ttlMs]) => ttlMs === -1).map(([key]) => key),
  }
  for (const [key, , value] of rows) {
    if (key === keys.schema) continue
    const [kind = "", ...rest] = key.slice(keys.prefix.length + 1).split(":")
    const name = rest.join(":")
    if (kind === "job") dump.jobs.set(name, JSON.parse(String(value)))
    else if (kind === "payload") dump.payloadIds.add(name)
    else if (kind === "content") dump.content.set(name, String(value))
    else if (kind === "flow") dump.flow = new Map(pairsOf(value))
    else if (kind === "dead") dump.dead = pairsOf(value).map(([id]) => id)
    else if (kind === "queue") {
      dump.queues.set(
        name,
        pairsOf(value).map(([member, start]) => {
          const [id = "", bytes, ...caller] = member.split(" ")
          return { id, bytes: Number(bytes), caller: caller.join(" "), start: Number(start) }
        }),
      )
    } else if (kind === "leases") {
      dump.leases = pairsOf(value)
        .filter(([lease]) => lease !== "-")
        .map(([lease, end]) => {
          const [id = "", token = ""] = lease.split(":")
          return { id, token, endMs: Number(end) }
        })
    } else if (kind === "delivery") dump.deliveries.set(name, JSON.parse(String(value)))
    else if (kind === "outbox" && name === "") {
      dump.outbox = new Map(pairsOf(value).map(([receiver, dueMs]) => [receiver, Number(dueMs)]))
    } else if (kind === "outbox") {
      dump.lines.set(
        name,
        pairsOf(value).map(([entry, dueMs]) => ({ entry, dueMs: Number(dueMs) })),
      )
    } else if (kind === "batch" && name.endsWith(":flight")) {
      dump.flights.set(name.slice(0, -":flight".length), new Set(pairsOf(value).map(([id]) => id)))
    } else if (kind === "batch") dump.batches.set(name, Object.fromEntries(pairsOf(value)))
    else if (kind === "batches") dump.due = new Set(pairsOf(value).map(([id]) => id))
    else if (!["list", "list-bytes", "registry", "undelivered", "webhooks"].includes(kind))
      throw new Error(`Cannot account for the key ${key}`)
  }
  return dump
}

/** Holds what lies in Redis to what is true at any time. @throws with all that is not */
export async function auditStore(client: Client, keys: Keys): Promise<StoreDump> {
  const dump = await dumpStore(client, keys)
  const wrong = [
    ...auditTtls(dump, keys),
    ...auditCounters(dump),
    ...auditPlaces(dump),
    ...auditShared(dump),
    ...auditOutbox(dump.jobs, dump),
    ...auditBatches(dump),
  ]
  if (wrong.length > 0) throw new Error(`The store does not add up:\n${wrong.join("\n")}`)
  return dump
}

function auditTtls({ withoutTtl, flow }: StoreDump, keys: Keys): string[] {
  const forever = withoutTtl.filter((key) => key !== keys.webhooks && !(key === keys.flow && flow.has("paused")))
  return forever.map((key) => `${key} lives for ever`)
}

function auditCounters({ queues, flow }: StoreDump): string[] {
  const want = new Map<string, number>()
  const add = (name: string, by: number) => want.set(name, (want.get(name) ?? 0) + by)
  for (const [queue, waiting] of queues) {
    for (const { bytes, caller } of waiting) {
      add("n", 1)
      add("bytes", bytes)
      add(`n:${queue}`, 1)
      add(`d:${caller}`, 1)
    }
  }
  const counted = [...flow.keys()].filter((name) => /^(n|bytes|n:.*|d:.*)$/.test(name))
  return [...new Set([...want.keys(), ...counted])]
    .filter((name) => Number(flow.get(name) ?? 0) !== (want.get(name) ?? 0))
    .map((name) => `${name} is ${flow.get(name)}, and ${want.get(name) ?? 0} wait`)
}

/** Every job is in exactly one place, and its payload is there as long as it may be needed. */
function auditPlaces({ jobs, queues, leases, dead, payloadIds }: StoreDump): string[] {
  const wrong: string[] = []
  const places = new Map<string, string[]>()
  const put = (id: string, place: string) => places.set(id, [...(places.get(id) ?? []), place])
  for (const [queue, waiting] of queues) for (const { id, start } of waiting) put(id, `queued ${queue} ${start}`)
  for (const { id, token } of leases) put(id, `processing ${token}`)
  for (const id of dead) put(id, "dead")

  for (const job of jobs.values()) {
    const place = (places.get(job.id) ?? []).join(" and ")
    const expected = {
      queued: job.leader === undefined ? [`queued ${job.queue} ${Number(job.start)}`] : [""],
      processing: [`processing ${job.leaseToken}`],
      succeeded: [""],
      failed: ["", "dead"],
      canceled: [""],
    }[job.state]
    if (!expected.includes(place)) wrong.push(`${job.id} is ${job.state}, and lies in: ${place}`)
    const needsBytes = place !== ""
    const { payloadId } = job
    if (payloadId !== undefined && job.leader === undefined && needsBytes !== payloadIds.has(payloadId)) {
      wrong.push(`${job.id} is ${job.state}, and its bytes are ${needsBytes ? "gone" : "still there"}`)
    }
    if (job.attempts > job.maxAttempts) wrong.push(`${job.id} was tried ${job.attempts} times`)
  }
  for (const id of places.keys()) if (!jobs.has(id)) wrong.push(`${id} has a place and no record`)
  return wrong
}

function auditShared({ jobs, content }: StoreDump): string[] {
  const wrong: string[] = []
  const followers = new Map<string, number>()
  for (const job of jobs.values()) {
    if (job.leader === undefined || job.state !== "queued") continue
    followers.set(job.leader, (followers.get(job.leader) ?? 0) + 1)
    if (jobs.get(job.leader) === undefined) wrong.push(`${job.id} follows ${job.leader}, which is gone`)
    if (jobs.get(job.leader)?.leader !== undefined) wrong.push(`${job.id} follows a follower`)
  }
  for (const { id, followers: counted = 0 } of jobs.values()) {
    if (counted !== (followers.get(id) ?? 0))
      wrong.push(`${id} counts ${counted} followers of ${followers.get(id) ?? 0}`)
  }
  for (const [contentKey, id] of content) {
    const job = jobs.get(id)
    if (job !== undefined && job.contentKey !== contentKey)
      wrong.push(`${contentKey} leads to ${id}, which is not of it`)
  }
  return wrong
}

function pairsOf(flat: string | string[]): [string, string][] {
  if (typeof flat === "string") return []
  return flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ""] as [string, string]] : []))
}
