import { createClient } from "@redis/client"
import type { Claim, Claimed, Outcome } from "../../../src/lib/queue/claim.ts"
import type { ImageInfo, JobResult } from "../../../src/lib/queue/job.ts"
import { JobStore } from "../../../src/lib/queue/job-store.ts"
import type { Enqueued, NewJob } from "../../../src/lib/queue/new-job.ts"
import { Operator } from "../../../src/lib/queue/operator.ts"
import type { StoreLimits } from "../../../src/lib/queue/queue-config.ts"
import { createKeys, type Keys } from "../../../src/lib/redis/keys.ts"
import { REDIS_COMMANDS, type Redis } from "../../../src/lib/redis/redis.ts"
import { connectRest } from "../../../src/lib/redis/rest.ts"
import { connectTcp } from "../../../src/redis-tcp/tcp.ts"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../redis/redis-server.ts"
import { auditStore, type Client } from "./store-audit.ts"
import { DEFAULT_STORE_LIMITS } from "./store-limits.ts"

/** The instant at which the tests' clock stands; instants are arguments of the store, so nobody waits for them. */
export const T0 = 1_700_000_000_000
export const LEASE_MS = 30_000
export const DEADLINE_MS = 3_600_000

export type StoreHarness = {
  server: TestRedis
  gateway: TestGateway
  redis: Redis
  keys: Keys
  limits: StoreLimits
  /** Straight to Redis, to look at what lies there. */
  client: Client
  /** The same store, by TCP instead of REST: for tests about many jobs. */
  crowdStore(limits?: Partial<StoreLimits>): JobStore
  /** Whether what lies in Redis is audited after every script. On, unless a test is about many jobs. */
  auditing: boolean
  store(limits?: Partial<StoreLimits>): JobStore
  operator(limits?: Partial<StoreLimits>): Operator
  reset(): Promise<void>
  close(): Promise<void>
}

/** A store on a real Redis behind the real gateway; its fields are set on `target`. */
export async function startStoreHarness(target: object = {}): Promise<StoreHarness> {
  const server = await startRedis()
  const gateway = await startGateway({ redisUrl: server.url })
  const client: Client = createClient({ url: server.url, commandOptions: { timeout: 120_000 } })
  await client.connect()
  const keys = createKeys("test")
  // Generous: on a busy machine a call that is cut off would be a failure of the test, not of the store.
  const rest = connectRest({ url: gateway.url, token: gateway.token, timeoutMs: 20_000 })
  const tcp = connectTcp({ url: server.url, timeoutMs: 120_000 })
  const both = inTurns(rest, tcp)
  const audited: Redis = {
    ...both,
    async script(script, scriptKeys, args) {
      const reply = await both.script(script, scriptKeys, args)
      if (harness.auditing) await auditStore(client, keys)
      return reply
    },
  }
  const harness: StoreHarness = Object.assign(target, {
    server,
    gateway,
    redis: audited,
    keys,
    limits: DEFAULT_STORE_LIMITS,
    client,
    auditing: true,
    store: (limits?: Partial<StoreLimits>) => new JobStore(audited, keys, { ...DEFAULT_STORE_LIMITS, ...limits }),
    operator: (limits?: Partial<StoreLimits>) => new Operator(audited, keys, { ...DEFAULT_STORE_LIMITS, ...limits }),
    crowdStore: (limits?: Partial<StoreLimits>) => new JobStore(tcp, keys, { ...DEFAULT_STORE_LIMITS, ...limits }),
    async reset() {
      harness.auditing = true
      await client.flushAll()
    },
    async close() {
      client.destroy()
      tcp.close()
      await gateway.close()
      await server.stop()
    },
  })
  return harness
}

/** Every other call over REST and by TCP: what holds here holds on both. */
function inTurns(...adapters: readonly Redis[]): Redis {
  let calls = 0
  const call =
    (name: keyof Redis) =>
    (...args: unknown[]) => {
      const redis = adapters[calls++ % adapters.length] as unknown as Record<string, (...args: unknown[]) => unknown>
      return redis[name]?.(...args)
    }
  const names = [...REDIS_COMMANDS, "script", "setBytes", "getBytes", "subscribe"] as const
  return Object.fromEntries(names.map((name) => [name, call(name)])) as unknown as Redis
}

const IMAGE: ImageInfo = { format: "png", width: 4, height: 3, bytes: 3, sha256: "0".repeat(64), orientation: 1 }

/** A job of `id`; the rest is what most tests do not care about. */
export function jobOf(id: string, options: Partial<NewJob> & { bytes?: number } = {}): NewJob {
  const { bytes = IMAGE.bytes, ...job } = options
  return {
    id,
    model: "m",
    queue: options.model ?? "m",
    caller: "key:a",
    payloadId: `${id}-bytes`,
    createdMs: T0,
    deadlineMs: (options.createdMs ?? T0) + DEADLINE_MS,
    maxAttempts: 3,
    weight: 1,
    input: {
      ticketId: `cls_${id}`,
      operation: { name: "classify", topK: 5 },
      source: { kind: "payload" },
      image: { ...IMAGE, bytes },
      fingerprint: `print-of-${id}`,
    },
    ...job,
  }
}

/** Bytes first, then the job, as an edge does it. */
export async function submit(store: JobStore, job: NewJob): Promise<Enqueued> {
  if (job.payloadId !== undefined) await store.putPayload(job.payloadId, new Uint8Array(job.input.image?.bytes ?? 0))
  return store.enqueue(job)
}

let claims = 0

/** A claim of one job by worker w, under a fresh token. */
export function claimOf(options: Partial<Claim> = {}): Claim {
  return {
    worker: "w",
    queues: ["m"],
    max: 1,
    nowMs: T0,
    leaseMs: LEASE_MS,
    token: `token-${++claims}`,
    isIdle: true,
    ...options,
  }
}

export const idsOf = (claimed: Claimed) => claimed.jobs.map(({ id }) => id)

export function resultOf(label: string): JobResult {
  return {
    modelVersion: "v1",
    predictions: [{ label, probability: 0.875, classIndex: 7 }],
    image: IMAGE,
    timingsMs: { fetch: 1.5, decode: 2, infer: 20 },
  }
}

export const success = (label = "cat"): Outcome => ({ state: "succeeded", result: resultOf(label) })
export const failure = (): Outcome => ({ state: "failed", error: { code: "invalid_image", message: "It is damaged" } })
