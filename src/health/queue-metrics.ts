import { Gauge, type Registry } from "prom-client"
import { isOutage } from "../lib/app-error.ts"
import type { StoreLimits } from "../lib/queue/queue-config.ts"
import { type QueueStats, readQueueStats } from "../lib/queue/queue-stats.ts"
import type { RegistrySnapshot } from "../lib/queue/registry.ts"
import type { Keys } from "../lib/redis/keys.ts"
import { type RedisMemory, readMemory } from "../lib/redis/memory.ts"
import type { Redis } from "../lib/redis/redis.ts"

export type QueueSource = {
  redis: Redis
  keys: Keys
  limits: StoreLimits
  registry: { read(): Promise<RegistrySnapshot> }
  now: () => number
}

/** The gauges of one scrape, and of scrapers that come together, share one look. */
const SHARED_MS = 1_000

type Seen = Awaited<ReturnType<typeof look>>
type Sample = readonly [labels: Record<string, string>, value: number]
type Row = readonly [name: string, help: string, labelNames: readonly string[], read: (seen: Seen) => Sample[]]

const one = (value: number): Sample[] => [[{}, value]]
const ofQueues = ({ stats }: Seen, value: (queue: QueueStats["models"][number]) => number): Sample[] =>
  [...stats.models, ...stats.others].map((queue) => [{ queue: queue.id }, value(queue)])

/** The same wherever they are read: aggregate them with max. */
const ROWS: readonly Row[] = [
  ["queue_depth", "Waiting jobs", ["queue"], (seen) => ofQueues(seen, ({ depth }) => depth)],
  [
    "queue_oldest_age_seconds",
    "Age of the oldest waiting job, 0 where none waits",
    ["queue"],
    (seen) => ofQueues(seen, ({ oldest_age_ms }) => (oldest_age_ms ?? 0) / 1_000),
  ],
  [
    "queue_classifiers",
    "Classifiers that serve the queue now",
    ["queue"],
    (seen) => ofQueues(seen, (q) => q.classifiers),
  ],
  ["queue_max_depth", "MAX_QUEUE_DEPTH", [], ({ limits }) => one(limits.maxDepth)],
  ["queue_waiting_bytes", "Bytes of waiting images", [], ({ stats }) => one(stats.bytes)],
  ["queue_max_waiting_bytes", "MAX_QUEUE_BYTES", [], ({ limits }) => one(limits.maxBytes)],
  ["queue_result_bytes", "Bytes kept of accepted jobs", [], ({ stats }) => one(stats.result_bytes)],
  ["queue_max_result_bytes", "MAX_RESULT_BYTES", [], ({ stats }) => one(stats.max_result_bytes)],
  ["queue_in_flight", "Jobs in work, or waiting for their next attempt", [], ({ stats }) => one(stats.processing)],
  ["queue_dead_letters", "Dead letters that are kept", [], ({ stats }) => one(stats.dead)],
  [
    "queue_paused",
    "1 while an operator has paused the queue, or all",
    ["queue"],
    (seen) => ofQueues(seen, (q) => Number(q.paused || seen.stats.paused)),
  ],
  [
    "queue_draining",
    "1 while uploads are refused before an upgrade",
    [],
    (s) => one(Number(s.snapshot.isDraining ?? false)),
  ],
  ["classifiers", "Classifiers that are there", [], ({ stats }) => one(stats.classifiers)],
  ["models_broken", "1 for each model folder that a classifier cannot serve", ["model", "code"], brokenModels],
  ["batches_open", "Batches that are not done", [], ({ batches }) => one(batches)],
  ["outbox_receivers", "Receivers with webhooks to be sent, due or later", [], ({ receivers }) => one(receivers)],
  [
    "outbox_lag_seconds",
    "How long the webhook that is due longest has been due",
    [],
    ({ lagMs }) => one(lagMs / 1_000),
  ],
  ["webhooks_undelivered", "Webhook events that were given up", [], ({ undelivered }) => one(undelivered)],
  [
    "redis_memory_used_bytes",
    "used_memory of Redis, where it says",
    [],
    ({ memory }) => ofMemory(memory, (m) => m.usedBytes),
  ],
  ["redis_memory_max_bytes", "maxmemory of Redis, 0 for none", [], ({ memory }) => ofMemory(memory, (m) => m.maxBytes)],
  [
    "redis_policy",
    "1 for the maxmemory-policy of Redis",
    ["policy"],
    ({ memory: m }) => (m ? [[{ policy: m.policy }, 1]] : []),
  ],
]

/** Queue and Redis, read when they are scraped. While Redis is away only claimcheck_redis_up is there, and is 0. */
export function addQueueMetrics(registry: Registry, source: QueueSource): void {
  let shared: { atMs: number; seen: Promise<Seen | null> } | undefined
  const see = () => {
    const nowMs = performance.now()
    if (shared === undefined || nowMs - shared.atMs > SHARED_MS) shared = { atMs: nowMs, seen: lookIfUp(source) }
    return shared.seen
  }
  for (const [name, help, labelNames, read] of ROWS) {
    new Gauge({
      name: `claimcheck_${name}`,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const seen = await see()
        this.reset()
        // Without labels it would be 0 where nothing is known.
        this.remove({})
        for (const [labels, value] of seen === null ? [] : read(seen)) this.set(labels, value)
      },
    })
  }
  new Gauge({
    name: "claimcheck_redis_up",
    help: "1 when Redis answered this scrape",
    registers: [registry],
    async collect() {
      this.set((await see()) === null ? 0 : 1)
    },
  })
}

async function lookIfUp(source: QueueSource): Promise<Seen | null> {
  try {
    return await look(source)
  } catch (error) {
    if (isOutage(error)) return null
    throw error
  }
}

async function look({ redis, keys, limits, registry, now }: QueueSource) {
  const snapshot = await registry.read()
  const nowMs = now()
  const [stats, memory, batches, receivers, [, dueMs], undelivered] = await Promise.all([
    readQueueStats({ redis, keys, limits }, snapshot, nowMs),
    readMemory(redis),
    redis.zcard(keys.batches),
    redis.zcard(keys.outbox),
    redis.zrange<(string | number)[]>(keys.outbox, 0, 0, { withScores: true }),
    redis.zcard(keys.undelivered),
  ])
  const lagMs = dueMs === undefined ? 0 : Math.max(0, nowMs - Number(dueMs))
  return { snapshot, stats, memory, batches, receivers, lagMs, undelivered, limits }
}

const ofMemory = (memory: RedisMemory | null, value: (memory: RedisMemory) => number): Sample[] =>
  memory === null ? [] : one(value(memory))

function brokenModels({ snapshot }: Seen): Sample[] {
  const broken = snapshot.workers.flatMap((worker) => worker.broken)
  return broken.map(({ id, code }) => [{ model: id, code }, 1])
}
