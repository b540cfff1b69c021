import type { AppError } from "../lib/app-error.ts"
import { BatchStore } from "../lib/batches/batch-store.ts"
import { ApiKeyStore } from "../lib/callers/api-key-store.ts"
import type { Env } from "../lib/env.ts"
import { createLog, type Log } from "../lib/log.ts"
import { outputLimits, StoredOutputs } from "../lib/outputs/stored-outputs.ts"
import { JobStore } from "../lib/queue/job-store.ts"
import { readLimits } from "../lib/queue/model-limits.ts"
import { type StoreLimits, sealerOf, storeLimits } from "../lib/queue/queue-config.ts"
import type { QueueStats } from "../lib/queue/queue-stats.ts"
import { Registry } from "../lib/queue/registry.ts"
import { createKeys, type Keys } from "../lib/redis/keys.ts"
import type { RedisMemory } from "../lib/redis/memory.ts"
import type { Redis } from "../lib/redis/redis.ts"
import { RedisClock } from "../lib/redis/redis-clock.ts"
import { connectRest } from "../lib/redis/rest.ts"
import { sleep } from "../lib/sleep.ts"
import { createBatchTicketIds, createTicketIds, type TicketIds } from "../lib/tickets/ticket-id.ts"
import { traceTarget } from "../lib/trace/trace-config.ts"
import { createTracer, type Tracer } from "../lib/trace/tracer.ts"
import { Outbox } from "../lib/webhooks/outbox.ts"
import { CachedWebhookSettings, WebhookSettingsStore } from "../lib/webhooks/webhook-settings.ts"
import { KnownKeys } from "./auth/known-keys.ts"
import { CachedRegistry } from "./cached-registry.ts"
import { type EdgeConfig, readEdgeConfig } from "./config.ts"
import { BodiesInFlight } from "./limits/bodies-in-flight.ts"
import { HeldWaits } from "./limits/held-waits.ts"
import { ReadRates } from "./limits/read-rates.ts"
import { SubmitRates } from "./limits/submit-rates.ts"
import { SharedLook } from "./shared-look.ts"
import { OverdueWakes } from "./tickets/overdue-wakes.ts"

/** Clients learn within two seconds that Redis is gone; this leaves time for the network and a busy machine. */
const REDIS_TIMEOUT_MS = 1_200
/** Timestamps of jobs follow the time of Redis, for one command per interval. */
const CLOCK_MS = 600_000

/** Everything a route may use. Made once per process or isolate, at the entry. */
export type Services = {
  config: EdgeConfig
  redis: Redis
  keys: Keys
  limits: StoreLimits
  store: JobStore
  registry: CachedRegistry
  outbox: Outbox
  outputs: StoredOutputs
  webhooks: CachedWebhookSettings
  apiKeys: ApiKeyStore
  knownKeys: KnownKeys
  submitRates: SubmitRates
  readRates: ReadRates
  heldWaits: HeldWaits
  overdueWakes: OverdueWakes
  queueLook: SharedLook<QueueStats>
  readyLook: SharedLook<AppError | null>
  memoryLook: SharedLook<RedisMemory | null>
  /** When each warning was logged last, by its code. */
  warnedMs: Map<string, number>
  /** Set by an entry that was asked to stop. */
  isShuttingDown: boolean
  ticketIds: TicketIds
  batches: BatchStore
  bodies: BodiesInFlight
  batchTicketIds: TicketIds
  /** The time of Redis, as far as it is known here. */
  now: () => number
  /** The time of Redis, asked for now: what ends something goes by no other. */
  askNow: () => Promise<number>
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>
  log: Log
  tracer: Tracer
}

/** @throws ConfigError that names the variable */
export function createServices(
  env: Env,
  { server, write }: { server: string; write: (line: string) => void },
): Services {
  const config = readEdgeConfig(env)
  const redis = connectRest({
    url: config.UPSTASH_REDIS_REST_URL,
    token: config.UPSTASH_REDIS_REST_TOKEN,
    timeoutMs: REDIS_TIMEOUT_MS,
  })
  const keys = createKeys()
  const limits = storeLimits(config)
  const sealer = sealerOf(config)
  const log = createLog({ server, script: "edge", write, level: config.LOG_LEVEL })
  const apiKeys = new ApiKeyStore(redis, keys)
  const clock = new RedisClock(redis, { onStep: (byMs) => log.warn("clock.stepped", { byMs }) })
  const askNow = async () => {
    await clock.correct()
    return clock.now()
  }
  // Whatever asks for the time has asked for the registry before.
  const registry = new Registry(redis, keys)
  const read = async () => (await Promise.all([registry.read(), clock.keep(CLOCK_MS)]))[0]
  return {
    config,
    redis,
    keys,
    limits,
    store: new JobStore(redis, keys, limits, sealer),
    registry: new CachedRegistry({ read, readLimits: () => readLimits({ redis, keys }) }, clock.now),
    outbox: new Outbox(redis, keys, limits),
    outputs: new StoredOutputs(redis, keys, outputLimits(config), sealer),
    webhooks: new CachedWebhookSettings(new WebhookSettingsStore(redis, keys, sealer), Date.now),
    apiKeys,
    knownKeys: new KnownKeys(apiKeys, Date.now),
    submitRates: new SubmitRates(clock.now),
    readRates: new ReadRates(config.READ_LIMIT, Date.now),
    heldWaits: new HeldWaits(Date.now),
    overdueWakes: new OverdueWakes(Date.now),
    queueLook: new SharedLook(Date.now),
    readyLook: new SharedLook(Date.now),
    memoryLook: new SharedLook(Date.now),
    warnedMs: new Map(),
    isShuttingDown: false,
    ticketIds: createTicketIds(config.TICKET_SECRET),
    batches: new BatchStore(redis, keys, limits, sealer),
    bodies: new BodiesInFlight(config, { now: Date.now, sleep }),
    batchTicketIds: createBatchTicketIds(config.TICKET_SECRET),
    now: clock.now,
    askNow,
    sleep,
    log,
    tracer: createTracer(traceTarget(config, "edge"), { part: "edge", log }),
  }
}
