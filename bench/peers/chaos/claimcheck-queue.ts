import { composeClassifier } from "../../../src/classifier/compose-classifier.ts"
import { readClassifierConfig } from "../../../src/classifier/config.ts"
import { runClassifier } from "../../../src/classifier/run-classifier.ts"
import { type Log, silentLog } from "../../../src/lib/log.ts"
import type { Job } from "../../../src/lib/queue/job.ts"
import { jobIdForIdempotencyKey } from "../../../src/lib/queue/job-id.ts"
import { JobStore } from "../../../src/lib/queue/job-store.ts"
import { storeLimits } from "../../../src/lib/queue/queue-config.ts"
import { createKeys } from "../../../src/lib/redis/keys.ts"
import { openRedis } from "../../../src/redis-tcp/open-redis.ts"
import type { QueueSettings, QueueUnderTest, Reading, Work } from "./queue-under-test.ts"

const DAY_MS = 86_400_000
const CALLER = "key:chaos"
const MODEL = {
  ...{ id: "m", version: "1", name: "M", inputWidth: 8, inputHeight: 8, labels: 1 },
  ...{ languages: [], memoryBytes: 0, servedBy: { engine: "wasm", plan: true } as const },
}
const PICTURE = { format: "png", width: 8, height: 8, orientation: 1 }

/** The job store as the edge uses it, and the classifier as it is composed and run, with other work than a lane's. */
export async function openQueue({ url, concurrency, lockMs, maxAttempts }: QueueSettings): Promise<QueueUnderTest> {
  const config = readClassifierConfig({
    REDIS_URL: url,
    LANES: String(concurrency),
    LEASE_MS: String(lockMs),
    MAX_ATTEMPTS: String(maxAttempts),
  })
  const redis = openRedis(config)
  const store = new JobStore(redis, createKeys(), storeLimits(config))
  const shutdown = new AbortController()
  const keyOf = (id: string) => jobIdForIdempotencyKey(CALLER, id)
  return {
    async submit(id) {
      const key = await keyOf(id)
      // Its payload is its name: what the work is told.
      const bytes = new TextEncoder().encode(id)
      const createdMs = Date.now()
      await store.putPayload(`${key}-bytes`, bytes)
      await store.enqueue({
        ...{ id: key, model: MODEL.id, queue: MODEL.id, caller: CALLER, payloadId: `${key}-bytes`, weight: 1 },
        ...{ createdMs, deadlineMs: createdMs + DAY_MS, maxAttempts },
        input: {
          ticketId: `cls_${key}`,
          operation: { name: "classify", topK: 1 },
          source: { kind: "payload" },
          image: { ...PICTURE, bytes: bytes.length, sha256: id },
          fingerprint: id,
        },
      })
      await store.wakeClassifiers(MODEL.id)
    },

    read: async (id) => readingOf(await store.read(await keyOf(id))),

    async cancel(id) {
      const { status } = await store.cancel(await keyOf(id), Date.now())
      return status === "withdrawn"
    },

    async work(work, onAccepted) {
      const names = new Map<string, string>()
      const onEvent: Log["info"] = (event, fields = {}) => {
        if (event === "job.completed") onAccepted(names.get(String(fields.jobId)) ?? String(fields.jobId))
      }
      const log: Log = { ...silentLog, info: onEvent }
      const remember = async (id: string) => {
        names.set(await keyOf(id), id)
        return work(id)
      }
      const models = { served: [], broken: [], watch: async () => undefined }
      const pool = poolOf(remember, concurrency)
      await runClassifier(await composeClassifier(config, { redis, pool, models, log }), shutdown.signal)
    },

    async close() {
      shutdown.abort()
      redis.close()
    },
  }
}

/** In place of the lanes: as many jobs at a time as there would be lanes, as the other queues count them. */
function poolOf(work: Work, lanes: number) {
  let busy = 0
  return {
    lanes,
    get free() {
      return lanes - busy
    },
    models: [MODEL],
    held: [],
    setModels: () => undefined,
    async run({ bytes }: { bytes: Uint8Array }) {
      busy++
      try {
        const label = await work(new TextDecoder().decode(bytes))
        const predictions = [{ label, probability: 1, classIndex: 0 }]
        return { modelVersion: MODEL.version, predictions, image: PICTURE, timingsMs: { decode: 0, infer: 0 } }
      } finally {
        busy--
      }
    },
  }
}

function readingOf(job: Job | null): Reading {
  switch (job?.state) {
    case undefined:
      return { state: "gone" }
    case "queued":
    case "processing":
      return { state: "waiting" }
    case "succeeded":
      return { state: "done", answer: job.result.predictions?.[0]?.label ?? "" }
    case "failed":
      return { state: "failed", reason: job.error.code }
    case "canceled":
      return { state: "canceled" }
    default:
      return job satisfies never
  }
}
