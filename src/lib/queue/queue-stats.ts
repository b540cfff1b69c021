import * as z from "zod"
import { counterFields, type Keys } from "../redis/keys.ts"
import type { RedisMemory } from "../redis/memory.ts"
import type { Redis } from "../redis/redis.ts"
import { decodeIfReadable } from "./job.ts"
import { LIMIT_FIELDS, limitOf, limitRate, parseLimits, pauseOf } from "./model-limits.ts"
import { findWarnings, warningSchema } from "./nearly-full.ts"
import type { StoreLimits } from "./queue-config.ts"
import { queuesOf } from "./queue-name.ts"
import { isRemembered, type RegistrySnapshot, serviceRate } from "./registry.ts"

/** Each caller's oldest job is near the head: the fair queue keeps a caller's jobs in order. */
const LOOKED_AT = 32

const oneQueueSchema = z.object({
  id: z.string(),
  depth: z.number().int().meta({ description: "Waiting jobs" }),
  oldest_age_ms: z.number().int().nullable().meta({ description: "Age of the oldest waiting job, or null" }),
  classifiers: z.number().int().meta({ description: "Classifiers that serve it now" }),
  per_second: z.number().meta({ description: "Jobs that they can finish per second" }),
  eta_ms: z
    .number()
    .int()
    .nullable()
    .meta({ description: "Milliseconds until a job submitted now would be done; null while paused" }),
  paused: z.boolean().meta({ description: "Whether an operator has paused its model" }),
  concurrency: z.number().int().nullable().meta({
    description: "Jobs of its model that classifiers work on at once, where an operator has set that, or null",
  }),
})

/** The whole queue on the wire. */
export const queueStatsSchema = z
  .object({
    depth: z.number().int().meta({ description: "Waiting jobs" }),
    bytes: z.number().int().meta({ description: "Bytes of waiting images" }),
    processing: z.number().int().meta({ description: "Jobs in work, or waiting for their next attempt" }),
    dead: z.number().int().meta({ description: "Dead letters: jobs that used up their attempts" }),
    result_bytes: z.number().int().meta({ description: "Bytes kept of accepted jobs" }),
    max_result_bytes: z.number().int().meta({ description: "Their limit, `MAX_RESULT_BYTES`" }),
    paused: z.boolean(),
    classifiers: z.number().int().meta({
      description: "Classifiers that are there; one that died is counted for two minutes after its last report",
    }),
    models: z.array(oneQueueSchema).meta({
      description: "Uploads per model that is served, was served within the last day, or has waiting jobs",
    }),
    others: z.array(oneQueueSchema).meta({
      description: "Non-empty queues of operations without a model, and of images at a URL (`@url`)",
    }),
    warnings: z.array(warningSchema).meta({ description: "What is nearly full. When it is full, uploads are refused" }),
  })
  .meta({ id: "Queue" })
export type QueueStats = z.infer<typeof queueStatsSchema>

export type QueueSource = {
  redis: Redis
  keys: Keys
  limits: Pick<StoreLimits, "maxResultBytes">
  memory?: RedisMemory | null
}

export async function readQueueStats(
  { redis, keys, limits: { maxResultBytes }, memory = null }: QueueSource,
  snapshot: RegistrySnapshot,
  nowMs: number,
): Promise<QueueStats> {
  const models = snapshot.models.map(({ id }) => id).sort()
  const remembered = snapshot.models.filter((model) => isRemembered(snapshot, model, nowMs)).map(({ id }) => id)
  const names = [...queuesOf(models, { urls: false }), ...queuesOf(models, { urls: true })]
  const { waiting, bytes: waitingBytes, kept: keptBytes, waitingIn } = counterFields
  const fields = [waiting, waitingBytes, keptBytes, ...LIMIT_FIELDS, ...names.map(waitingIn)]
  const [counters, processing, dead] = await Promise.all([
    redis.hmget(keys.counters, ...fields) as Promise<unknown>,
    redis.zcount(keys.leases, "-inf", "(+inf"),
    redis.zcard(keys.dead),
  ])
  const [n, bytes, kept, paused, set, ...depths] = counters as (string | null)[]
  const limits = parseLimits([paused, set])

  const shown = names
    .map((id, i) => ({ id, depth: Number(depths[i] ?? 0) }))
    .filter(({ id, depth }) => depth > 0 || remembered.includes(id))
  const queues = await Promise.all(
    shown.map(async ({ id, depth }) => {
      const limit = limitOf(limits, id)
      const { classifiers, perSecond, jobMs } = limitRate(serviceRate(snapshot, id, { nowMs }), limit)
      const createdMs = depth === 0 ? null : await oldestCreatedMs({ redis, keys }, id)
      return {
        id,
        depth,
        oldest_age_ms: createdMs === null ? null : Math.max(0, nowMs - createdMs),
        classifiers,
        per_second: Math.round(perSecond * 100) / 100,
        paused: limit.paused === true,
        concurrency: limit.concurrency ?? null,
        eta_ms: perSecond > 0 && pauseOf(limits, id) === null ? Math.ceil((depth / perSecond) * 1_000 + jobMs) : null,
      }
    }),
  )
  const classifiers = snapshot.workers.filter(({ untilMs }) => untilMs > nowMs).length
  const results = { result_bytes: keptAt(kept ?? null, nowMs), max_result_bytes: maxResultBytes }
  return {
    depth: Number(n ?? 0),
    bytes: Number(bytes ?? 0),
    processing,
    dead,
    ...results,
    paused: limits.isPaused,
    classifiers,
    models: queues.filter(({ id }) => models.includes(id)),
    others: queues.filter(({ id }) => !models.includes(id)),
    warnings: findWarnings({ results, memory }),
  }
}

/** The ledger of src/lib/queue/scripts/include/kept-bytes.lua: until when in s, bytes, … */
function keptAt(ledger: string | null, nowMs: number): number {
  const rows: number[] = JSON.parse(ledger ?? "[]")
  return rows.reduce((sum, untilS, at) => (at % 2 === 0 && untilS * 1_000 > nowMs ? sum + (rows[at + 1] ?? 0) : sum), 0)
}

async function oldestCreatedMs(
  { redis, keys }: Pick<QueueSource, "redis" | "keys">,
  queue: string,
): Promise<number | null> {
  const members = await redis.zrange<string[]>(keys.queue(queue), 0, LOOKED_AT - 1)
  const jobKeys = members.map((member) => keys.job(member.split(" ")[0] ?? ""))
  if (jobKeys.length === 0) return null
  const texts = await redis.mget<(string | null)[]>(...jobKeys)
  const created = texts.flatMap((text) => (text === null ? [] : (decodeIfReadable(text)?.createdMs ?? [])))
  return created.length === 0 ? null : Math.min(...created)
}
