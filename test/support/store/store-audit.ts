import type { RedisClientType } from "@redis/client"
import type { Keys } from "../../../src/lib/redis/keys.ts"
import { auditBatches, type BatchDump } from "./batch-audit.ts"
import { auditKept } from "./kept-audit.ts"
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
  batch?: { id: string }
  bytes: number
  start: string
  attempts: number
  maxAttempts: number
  leaseToken?: string
  leader?: string
  followers?: number
  round?: number
  deaths?: { finishedMs: number; error: string }[]
  contentKey?: string
  createdMs: number
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
    /** By model that is limited, its leases, and some that have ended. */
    running: Map<string, string[]>
    dead: string[]
    counters: Map<string, string>
    content: Map<string, string>
    payloadIds: Set<string>
    /** Bytes of what has a JSON record, by key. */
    bytes: Map<string, number>
    /** By key; -1 for one that lives for ever. */
    ttlMs: Map<string, number>
  }

/** One script, so that the picture is of one instant. */
const DUMP = `
local dump = {}
for _, key in ipairs(redis.call("KEYS", "*")) do
  local kind, value = redis.call("TYPE", key).ok, ""
  if kind == "zset" then value = redis.call("ZRANGE", key, 0, -1, "WITHSCORES")
  elseif kind == "set" then value = redis.call("SMEMBERS", key)
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
    running: new Map(),
    dead: [],
    counters: new Map(),
    content: new Map(),
    payloadIds: new Set(),
    bytes: new Map(rows.map(([key, , value]) => [key, value.length])),
    deliveries: new Map(),
    lines: new Map(),
    outbox: new Map(),
    batches: new Map(),
    flights: new Map(),
    due: new Set(),
    ttlMs: new Map(rows.map(([key, ttlMs]) => [key, ttlMs])),
  }
  for (const [key, , value] of rows) {
    if (key === keys.schema) continue
    const [kind = "", ...rest] = key.slice(keys.prefix.length + 1).split(":")
    const name = rest.join(":")
    if (kind === "job") dump.jobs.set(name, JSON.parse(String(value)))
    else if (kind === "payload") dump.payloadIds.add(name)
    else if (kind === "content") dump.content.set(name, String(value))
    else if (kind === "running") dump.running.set(name, [value].flat())
    else if (kind === "flow") dump.counters = new Map(pairsOf(value))
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
    else if (!["list", "list-bytes", "output", "output-bytes", "registry", "undelivered", "webhooks"].includes(kind))
      throw new Error(`Cannot account for the key ${key}`)
  }
  return dump
}

/** Holds what lies in Redis to what is true at any time. @throws with all that is not */
export async function auditStore(client: Client, keys: Keys): Promise<StoreDump> {
  const dump = await dumpStore(client, keys)
  const wrong = findWrong(dump, keys)
  if (wrong.length > 0) throw new Error(`The store does not add up:\n${wrong.join("\n")}`)
  return dump
}

/** All that does not add up. */
export function findWrong(dump: StoreDump, keys: Keys): string[] {
  return [
    ...auditTtls(dump, keys),
    ...auditLives(dump, keys),
    ...auditCounters(dump),
    ...auditKept(dump, keys),
    ...auditPlaces(dump),
    ...auditLimits(dump),
    ...auditShared(dump),
    ...auditOutbox(dump.jobs, dump),
    ...auditBatches(dump),
  ]
}

function auditTtls({ ttlMs, counters }: StoreDump, keys: Keys): string[] {
  const forever = [...ttlMs].filter(([, ms]) => ms === -1).map(([key]) => key)
  const wrong = forever.filter(
    (key) => key !== keys.webhooks && !(key === keys.counters && (counters.has("paused") || counters.has("limits"))),
  )
  return wrong.map((key) => `${key} lives for ever`)
}

const isWorking = ({ state }: StoredJob) => state === "queued" || state === "processing"
const isFollower = ({ leader, state }: StoredJob) => leader !== undefined && state === "queued"

/** Which key outlives which: what is read under the second is found under the first. */
type Lives = {
  what: string
  pairs: (dump: StoreDump, keys: Keys) => [longer: string, shorter: string][]
  slackMs?: number
}
/** Where a life ends at an instant of the tests' clock, which runs ahead of Redis'. */
const CLOCK_SLACK_MS = 20 * 3_600_000
const LIVES: Lives[] = [
  {
    what: "the work that a ticket shares, and the ticket",
    pairs: ({ jobs }, keys) =>
      [...jobs.values()].filter(isFollower).map((job) => [keys.job(job.leader ?? ""), keys.job(job.id)]),
  },
  {
    what: "a job that is not done, and its bytes",
    pairs: ({ jobs }, keys) =>
      [...jobs.values()]
        .filter((job) => isWorking(job) && !isFollower(job) && job.payloadId !== undefined)
        .map((job) => [keys.job(job.id), keys.payload(job.payloadId ?? "")]),
  },
  {
    what: "the queue, and a job that waits in it",
    pairs: ({ queues }, keys) =>
      [...queues].flatMap(([queue, waiting]) =>
        waiting.map(({ id }): [string, string] => [keys.queue(queue), keys.job(id)]),
      ),
  },
  {
    what: "the leases, and a job that is worked on",
    pairs: ({ leases }, keys) => leases.map(({ id }) => [keys.leases, keys.job(id)]),
  },
  {
    what: "what a job has made, and the result that names it",
    pairs: ({ jobs, ttlMs }, keys) =>
      [...jobs.values()]
        .filter(({ id, state }) => state === "succeeded" && ttlMs.has(keys.output(id)))
        .map(({ id }) => [keys.output(id), keys.job(id)]),
  },
  {
    what: "the result of a row, and its batch",
    slackMs: CLOCK_SLACK_MS,
    pairs: ({ batches, jobs }, keys) =>
      [...jobs.values()]
        .filter(({ batch }) => batch !== undefined && batches.has(batch.id))
        .map(({ id, batch }) => [keys.job(id), keys.batch(batch?.id ?? "")]),
  },
  {
    what: "the flight of a batch, and the batch",
    slackMs: CLOCK_SLACK_MS,
    pairs: ({ flights }, keys) => [...flights.keys()].map((id) => [keys.batchFlight(id), keys.batch(id)]),
  },
  {
    what: "the list of a batch, and the batch",
    slackMs: CLOCK_SLACK_MS,
    pairs: ({ batches, ttlMs }, keys) =>
      [...batches].flatMap(([id, { plan = "{}" }]) => {
        const chunk = keys.listChunk(JSON.parse(plan).listId, 0)
        return ttlMs.has(chunk) ? [[chunk, keys.batch(id)] as [string, string]] : []
      }),
  },
  {
    what: "the line of a receiver, and a webhook that waits in it",
    pairs: ({ lines }, keys) => [...lines.keys()].map((receiver) => [keys.outbox, keys.line(receiver)]),
  },
]

/** What one script sets is set within some milliseconds. */
const SAME_MS = 50

function auditLives(dump: StoreDump, keys: Keys): string[] {
  const lifeOf = (key: string) => {
    const ms = dump.ttlMs.get(key) ?? 0
    return ms === -1 ? Number.POSITIVE_INFINITY : ms
  }
  return LIVES.flatMap(({ what, pairs, slackMs = SAME_MS }) =>
    pairs(dump, keys)
      .filter(([longer, shorter]) => lifeOf(longer) + slackMs < lifeOf(shorter))
      .map(
        ([longer, shorter]) => `${longer} lives for ${lifeOf(longer)} ms, ${shorter} for ${lifeOf(shorter)} (${what})`,
      ),
  )
}

function auditCounters({ queues, counters }: StoreDump): string[] {
  const want = new Map<string, number>()
  const add = (name: string, by: number) => want.set(name, (want.get(name) ?? 0) + by)
  for (const [queue, waiting] of queues) {
    for (const { bytes, caller } of waiting) {
      add("n", 1)
      add("bytes", bytes)
      add(`n:${queue}`, 1)
      add(`d:${caller}`, 1)
      add(`b:${caller}`, bytes)
    }
  }
  const counted = [...counters.keys()].filter((name) => /^(n|bytes|n:.*|[bd]:.*)$/.test(name))
  return [...new Set([...want.keys(), ...counted])]
    .filter((name) => Number(counters.get(name) ?? 0) !== (want.get(name) ?? 0))
    .map((name) => `${name} is ${counters.get(name)}, and ${want.get(name) ?? 0} wait`)
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
      // Between two attempts it is among the leases.
      queued: job.leaseToken
        ? [`processing ${job.leaseToken}`]
        : job.leader === undefined
          ? [`queued ${job.queue} ${Number(job.start)}`]
          : [""],
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

/** What counts against a model's limit is what is worked on, whichever way it began. */
function auditLimits({ jobs, leases, running, counters }: StoreDump): string[] {
  const limits: Record<string, { concurrency?: number }> = JSON.parse(counters.get("limits") ?? "{}")
  return Object.entries(limits).flatMap(([model, { concurrency }]) => {
    if (concurrency === undefined) return []
    const held = leases.map(({ id, token }) => `${id}:${token}`)
    const counted = (running.get(model) ?? []).filter((lease) => held.includes(lease))
    const isOf = ({ queue, state }: StoredJob) => state === "processing" && queue.replace(/@url$/, "") === model
    const working = [...jobs.values()].filter(isOf).map(({ id, leaseToken }) => `${id}:${leaseToken}`)
    if (counted.toSorted().join() === working.toSorted().join()) return []
    return [`${counted.join()} count against the limit of ${model}, and ${working.join()} are worked on`]
  })
}

function auditShared({ jobs, content }: StoreDump): string[] {
  const wrong: string[] = []
  const followers = new Map<string, number>()
  for (const job of jobs.values()) {
    if (job.leader === undefined || job.state !== "queued") continue
    // What the work has died for is over; it waits for nothing.
    if (jobs.get(job.leader)?.deaths?.[job.round ?? 0] === undefined) {
      followers.set(job.leader, (followers.get(job.leader) ?? 0) + 1)
    }
    if (jobs.get(job.leader) === undefined) wrong.push(`${job.id} follows ${job.leader}, which is gone`)
    if (jobs.get(job.leader)?.leader !== undefined) wrong.push(`${job.id} follows a follower`)
  }
  for (const { id, followers: counted = 0 } of jobs.values()) {
    if (counted !== (followers.get(id) ?? 0))
      wrong.push(`${id} counts ${counted} followers of ${followers.get(id) ?? 0}`)
  }
  for (const [contentKey, id] of content) {
    const job = jobs.get(id)
    // A job that is done keeps no content key.
    const isOf =
      job?.contentKey === contentKey || (job?.contentKey === undefined && job !== undefined && !isWorking(job))
    if (job !== undefined && !isOf) wrong.push(`${contentKey} leads to ${id}, which is not of it`)
  }
  return wrong
}

function pairsOf(flat: string | string[]): [string, string][] {
  if (typeof flat === "string") return []
  return flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ""] as [string, string]] : []))
}
