import { ListReader } from "../../../src/classifier/batches/list-reader.ts"
import { BatchStore } from "../../../src/lib/batches/batch-store.ts"
import type { Outcome } from "../../../src/lib/queue/claim.ts"
import type { ClaimedJob } from "../../../src/lib/queue/job.ts"
import { locationOf } from "../../../src/lib/queue/job-source.ts"
import { JobStore } from "../../../src/lib/queue/job-store.ts"
import { createKeys } from "../../../src/lib/redis/keys.ts"
import { connectRest } from "../../../src/lib/redis/rest.ts"
import { redisSdk } from "../redis/redis-sdk.ts"
import { DEFAULT_STORE_LIMITS } from "./store-limits.ts"

/** The edge reads the clock of Redis, by half a round trip: on a busy machine what it made is due a little after our own now. */
const CLOCK_ERROR_MS = 2_000

/** Feeds batches and answers their pictures through the real stores, without fetching any. */
export class BatchWorker {
  readonly keys = createKeys()
  readonly store: JobStore
  readonly batches: BatchStore
  readonly #lists: ListReader
  readonly #redis
  readonly #sdk
  #tokens = 0

  constructor({ url, token }: { url: string; token: string }) {
    this.#redis = connectRest({ url, token, timeoutMs: 20_000 })
    this.#sdk = redisSdk({ url, token })
    this.store = new JobStore(this.#redis, this.keys, DEFAULT_STORE_LIMITS)
    this.batches = new BatchStore(this.#redis, this.keys, DEFAULT_STORE_LIMITS)
    this.#lists = new ListReader(this.batches)
  }

  /** Puts into the queue what there is room for. Returns how many pictures that are. */
  async feed(): Promise<number> {
    const token = `feeder-${++this.#tokens}`
    const { leased } = await this.batches.lease({ nowMs: Date.now() + CLOCK_ERROR_MS, token, max: 4 })
    let fed = 0
    for (const batch of leased) {
      const { plan, progress } = batch.batch
      let { cursor } = progress
      for (let status = "more"; status === "more"; ) {
        const pictures = await this.#lists.read(plan, cursor, 64)
        const next = await this.batches.enqueueNext(batch, { cursor, pictures, nowMs: Date.now() })
        fed += next.cursor - cursor
        ;({ status, cursor } = next)
      }
    }
    return fed
  }

  /** Answers up to `max` pictures of one queue. Returns how many there were. */
  async answer(queue: string, outcomeOf: (job: ClaimedJob) => Outcome, max = 64): Promise<number> {
    const { jobs } = await this.store.claim({
      worker: "batch-worker",
      queues: [queue],
      max,
      nowMs: Date.now(),
      leaseMs: 60_000,
      token: `claim-${++this.#tokens}`,
      isIdle: true,
    })
    for (const job of jobs) {
      await this.store.finish({ jobId: job.id, token: job.leaseToken, job }, outcomeOf(job), Date.now())
    }
    return jobs.length
  }

  /** Until nothing is left to do. */
  async work(queue: string, outcomeOf: (job: ClaimedJob) => Outcome = inspected): Promise<void> {
    while ((await this.feed()) + (await this.answer(queue, outcomeOf)) > 0);
  }

  /** Names of the keys that begin like this one. */
  keysLike(start: string): Promise<string[]> {
    return this.#sdk.keys(`${start}*`)
  }
}

/** What inspecting says of any picture; one whose URL says so fails. */
export function inspected({ input }: ClaimedJob): Outcome {
  const url = locationOf(input.source) ?? ""
  if (url.includes("broken")) return { state: "failed", error: { code: "invalid_image", message: "=It is, damaged" } }
  return {
    state: "succeeded",
    result: {
      image: { format: "jpeg", width: 40, height: 30, bytes: url.length, sha256: "0".repeat(64), orientation: 1 },
      timingsMs: { fetch: 1, decode: 1, infer: 0 },
    },
  }
}
