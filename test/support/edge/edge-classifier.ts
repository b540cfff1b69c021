import { vi } from "vitest"
import type { Outcome } from "../../../src/lib/queue/claim.ts"
import type { ClaimedJob } from "../../../src/lib/queue/job.ts"
import { JobStore } from "../../../src/lib/queue/job-store.ts"
import { Registry, type ServedModel, type WorkerBeat } from "../../../src/lib/queue/registry.ts"
import { createKeys } from "../../../src/lib/redis/keys.ts"
import type { Redis } from "../../../src/lib/redis/redis.ts"
import { connectRest } from "../../../src/lib/redis/rest.ts"
import { redisSdk } from "../redis/redis-sdk.ts"
import { DEFAULT_STORE_LIMITS } from "../store/store-limits.ts"

/** Lives as long as its classifier. */
export const AWAKE = "efficientnet_lite0"
/** Was served once, and is not now. */
export const ASLEEP = "asleep"

const PREDICTIONS = [
  { label: "castle", probability: 0.75, classIndex: 483 },
  { label: "church", probability: 0.125, classIndex: 497 },
]

const IMAGE = { format: "png", width: 4, height: 3, bytes: 3, sha256: "0".repeat(64), orientation: 1 }

const servedModel = (id: string): Omit<ServedModel, "seenMs"> => ({
  id,
  version: "1",
  name: `The model ${id}`,
  inputWidth: 224,
  inputHeight: 224,
  labels: 1_000,
  languages: [],
})

/** Answers jobs through the real store, without looking at a picture. It claims only when a test tells it to. */
export class FakeClassifier {
  readonly redis: Redis
  readonly sdk: ReturnType<typeof redisSdk>
  readonly keys = createKeys()
  readonly store: JobStore
  #claims = 0

  constructor({ url, token }: { url: string; token: string }) {
    this.redis = connectRest({ url, token })
    this.sdk = redisSdk({ url, token })
    this.store = new JobStore(this.redis, this.keys, DEFAULT_STORE_LIMITS)
  }

  /** Makes both models known, and itself as the one that serves AWAKE. */
  async arrive(): Promise<void> {
    await new Registry(this.redis, this.keys).enroll([AWAKE, ASLEEP].map(servedModel), Date.now())
    await this.claim()
  }

  async claim(): Promise<ClaimedJob[]> {
    const heartbeat: WorkerBeat = {
      untilMs: Date.now() + 3_600_000,
      lanes: 1,
      broken: [],
      queues: { [AWAKE]: { jobMs: 40, perSecond: 25, megapixels: 0, msPerMegapixel: 0 } },
    }
    const claimed = await this.store.claim({
      worker: "fake",
      queues: [AWAKE],
      max: 16,
      nowMs: Date.now(),
      leaseMs: 60_000,
      token: `token-${++this.#claims}`,
      isIdle: true,
      heartbeat: JSON.stringify(heartbeat),
    })
    return claimed.jobs
  }

  /** Waits for work, then finishes all there is. */
  async work(outcomeOf: (job: ClaimedJob) => Outcome = succeed): Promise<ClaimedJob[]> {
    const done: ClaimedJob[] = []
    await vi.waitUntil(
      async () => {
        for (let jobs = await this.claim(); jobs.length > 0; jobs = await this.claim()) {
          for (const job of jobs) {
            await this.store.finish({ jobId: job.id, token: job.leaseToken }, outcomeOf(job), Date.now())
          }
          done.push(...jobs)
        }
        return done.length > 0
      },
      { timeout: 10_000, interval: 10 },
    )
    return done
  }

  /** Names of the keys that hold images, sorted: KEYS has no order of its own. */
  async payloadKeys(): Promise<string[]> {
    return (await this.sdk.keys(this.keys.payload("*"))).sort()
  }
}

export function succeed({ input: { operation, image } }: ClaimedJob): Outcome {
  return {
    state: "succeeded",
    result: {
      modelVersion: "1",
      predictions: PREDICTIONS.slice(0, operation.name === "classify" ? operation.topK : 0),
      image: image ?? IMAGE,
      timingsMs: { fetch: 1, decode: 2, infer: 3 },
    },
  }
}
