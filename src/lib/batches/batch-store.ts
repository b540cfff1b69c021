import * as z from "zod"
import { AppError } from "../app-error.ts"
import type { JobError } from "../queue/job.ts"
import type { StoreLimits } from "../queue/queue-config.ts"
import { encodeWakeUp } from "../queue/wake-up-message.ts"
import type { Keys } from "../redis/keys.ts"
import { pairsOf } from "../redis/pairs-of.ts"
import type { Redis } from "../redis/redis.ts"
import { instantOrNone, runScript } from "../redis/run-script.ts"
import type { Script } from "../redis/script.ts"
import { CREATE_BATCH, END_BATCH, ENQUEUE_NEXT, LEASE_BATCHES } from "../redis/scripts.ts"
import { createSealer, type Sealer } from "../redis/sealed-bytes.ts"
import { type Batch, type BatchPlan, batchPlanSchema, decodeBatch, pictureJobId } from "./batch.ts"
import { decodeChunk, type ListChunk } from "./list-chunk.ts"
import { encodePictureJob, type Picture } from "./picture-job.ts"

/** A list that breaks off leaves chunks for so long. */
const LIST_TTL_MS = 600_000
/** A script is to be short. */
export const MAX_ENQUEUED_AT_ONCE = 64
const MAX_STOPPED_AT_ONCE = 64
const HOUR_MS = 3_600_000
/** A classifier that dies holds a batch up for so long. */
const BATCH_LEASE_MS = 15_000
/** How soon a classifier looks again after a lost wake-up, and after a full queue. */
const LOOK_MS = 10_000
const RETRY_MS = 1_000

const fieldsReply = z.array(z.string())
const createdReply = z.tuple([z.enum(["created", "exists", "list_missing", "full", "caller_full"]), fieldsReply])
const leasedReply = z.tuple([z.array(z.tuple([z.string(), fieldsReply])), instantOrNone])
const nextReply = z.tuple([z.enum(["more", "full", "wait", "ended", "lost"]), z.number(), instantOrNone])
const endedReply = z.tuple([z.enum(["ended", "finished", "missing"]), z.number(), fieldsReply])

export type LeasedBatch = { batch: Batch; deadlineMs: number; token: string }
export type NextEnqueued = { status: "more" | "full" | "wait" | "ended" | "lost"; cursor: number; dueMs: number | null }
export type Ended = { status: "ended" | "finished" | "missing"; inFlight: number; batch: Batch | null }

/** Batches in Redis. Every call is one request, safe to repeat, and throws AppError redis_unavailable. */
export class BatchStore {
  readonly #redis: Redis
  readonly #keys: Keys
  readonly #limits: StoreLimits
  readonly #sealer: Sealer

  /** @param sealer of the lists; without one they lie open in Redis */
  constructor(redis: Redis, keys: Keys, limits: StoreLimits, sealer: Sealer = createSealer([])) {
    this.#redis = redis
    this.#keys = keys
    this.#limits = limits
    this.#sealer = sealer
  }

  /** Stores a piece of a list for some minutes; create() makes it stay. */
  async putChunk(listId: string, index: number, text: Uint8Array): Promise<void> {
    const sealed = await this.#sealer.seal(text, sealName(listId, index))
    await this.#redis.setBytes(this.#keys.listChunk(listId, index), sealed, LIST_TTL_MS)
  }

  async dropChunks(listId: string, count: number): Promise<void> {
    if (count === 0) return
    const keys = Array.from({ length: count }, (_none, index) => this.#keys.listChunk(listId, index))
    await this.#redis.unlink(...keys)
  }

  /** @throws AppError list_expired, payload_unreadable */
  async getChunk(listId: string, index: number): Promise<ListChunk> {
    const bytes = await this.#redis.getBytes(this.#keys.listChunk(listId, index))
    if (bytes === null) throw new AppError("list_expired", "The list of this batch is gone from Redis")
    return decodeChunk(new TextDecoder().decode(await this.#sealer.open(bytes, sealName(listId, index))))
  }

  /**
   * `exists`: the id was used before, and the batch is the first one. The list counts against what may lie in Redis, until its
   * batch is canceled or forgotten.
   * @throws AppError queue_full, caller_bytes_full, list_expired
   */
  async create(plan: BatchPlan): Promise<{ status: "created" | "exists"; batch: Batch }> {
    const { id, caller, listId, pictures, size, deadlineMs, keepUntilMs, webhookUrl, webhookEvery } = plan
    const { maxBytes, callerShare } = this.#limits
    const settings = { id, caller, pictures, size, deadlineMs, keepUntilMs, webhookUrl, webhookEvery }
    const hour = Math.floor(keepUntilMs / HOUR_MS)
    const list = { id: listId, caller, chunks: plan.chunks.length, bytes: plan.listBytes ?? 0, hour }
    const more = { list, maxBytes, maxBytesOfCaller: callerShare * maxBytes, nowMs: plan.createdMs }
    const args = [JSON.stringify(plan), JSON.stringify({ ...settings, ...more }), eventPlan(plan)]
    const [status, fields] = await this.#run(CREATE_BATCH, args, createdReply)
    switch (status) {
      case "created":
      case "exists":
        return { status, batch: decodeBatch(fieldsOf(fields)) }
      case "list_missing":
        throw new AppError("list_expired", "The list took too long to arrive; send it again")
      case "full":
        throw new AppError("queue_full", `Cannot accept the list: all lists together would exceed ${maxBytes} bytes`)
      case "caller_full": {
        const message = `Cannot accept the list: your lists together would exceed ${more.maxBytesOfCaller} bytes`
        throw new AppError("caller_bytes_full", message)
      }
      default:
        return status satisfies never
    }
  }

  async read(id: string): Promise<Batch | null> {
    const fields = await this.#redis.hgetall(this.#keys.batch(id))
    return isEmpty(fields) ? null : decodeBatch(fieldsOf(fields))
  }

  /** Batches that are not done. One that cannot be read is left out. */
  async open(): Promise<Batch[]> {
    const ids = await this.#redis.zrange<string[]>(this.#keys.batches, 0, -1)
    const batches: Batch[] = []
    for (const id of ids) {
      const fields = await this.#redis.hgetall(this.#keys.batch(id))
      // A newer edge may have written it.
      const plan = batchPlanSchema.safeParse(JSON.parse(fieldsOf(fields).plan ?? "null"))
      if (plan.success) batches.push(decodeBatch(fieldsOf(fields)))
    }
    return batches
  }

  /** Has the pictures of a batch that are not in the queue yet done by another model. */
  async moveTo({ plan }: Batch, { model, queue }: { model: string; queue: string }): Promise<void> {
    const changed = { ...plan, model, queue }
    const fields = { plan: JSON.stringify(changed), eventPlan: eventPlan(changed) }
    await this.#redis.hset(this.#keys.batch(plan.id), fields)
  }

  /** The lowest picture that is in the queue or in work, or null when none is. */
  async firstInFlight(id: string): Promise<number | null> {
    const [, score] = await this.#redis.zrange<(string | number)[]>(this.#keys.batchFlight(id), 0, 0, {
      withScores: true,
    })
    return score === undefined ? null : Number(score)
  }

  /** The records of pictures' jobs as texts, null for one that is not there (yet, or any longer). */
  readJobs(id: string, pictures: readonly number[]): Promise<(string | null)[]> {
    const keys = pictures.map((picture) => this.#keys.job(pictureJobId(id, picture)))
    if (keys.length === 0) return Promise.resolve([])
    return this.#redis.mget<(string | null)[]>(...keys)
  }

  /** Leases batches that are due, so that their next pictures are enqueued. `again`: the reply to this very call was lost. */
  async lease({
    nowMs,
    token,
    max,
    again,
  }: {
    nowMs: number
    token: string
    max: number
    again?: boolean
  }): Promise<{ leased: LeasedBatch[]; unreadable: { id: string; error: unknown }[]; nextDueMs: number | null }> {
    const settings = { nowMs, token, max, again, leaseMs: BATCH_LEASE_MS }
    const [rows, nextDueMs] = await this.#run(LEASE_BATCHES, [JSON.stringify(settings)], leasedReply)
    const leased: LeasedBatch[] = []
    const unreadable: { id: string; error: unknown }[] = []
    for (const [id, list] of rows) {
      const fields = fieldsOf(list)
      try {
        const batch = decodeBatch(fields)
        leased.push({ batch, token, deadlineMs: Number(fields.deadlineMs ?? batch.plan.deadlineMs) })
      } catch (error) {
        // A newer edge may have written it.
        unreadable.push({ id, error })
      }
    }
    return { leased, unreadable, nextDueMs }
  }

  /** Puts pictures from `cursor` on into the queue, as many of them as there is room for. */
  async enqueueNext(
    { batch, deadlineMs, token }: LeasedBatch,
    { cursor, pictures, nowMs }: { cursor: number; pictures: readonly Picture[]; nowMs: number },
  ): Promise<NextEnqueued> {
    const { plan } = batch
    const settings = {
      ...this.#limits,
      ...(plan.maxDepth !== undefined && { maxDepthPerCaller: plan.maxDepth }),
      id: plan.id,
      token,
      cursor,
      nowMs,
      queue: plan.queue,
      caller: plan.caller,
      jobTtlMs: Math.max(deadlineMs - nowMs + plan.maxAttempts * this.#limits.attemptMs, plan.keepUntilMs - nowMs),
      keepUntilMs: plan.keepUntilMs,
      leaseMs: BATCH_LEASE_MS,
      lookMs: LOOK_MS,
      retryMs: RETRY_MS,
    }
    const jobs = pictures.map((picture) => encodePictureJob(plan, picture, { nowMs, deadlineMs }))
    try {
      const [status, next, dueMs] = await this.#run(ENQUEUE_NEXT, [JSON.stringify(settings), ...jobs], nextReply)
      return { status, cursor: next, dueMs }
    } catch (error) {
      // A queue without room; the batch comes due when its lease ends.
      if (!(error instanceof AppError && error.code === "redis_full")) throw error
      return { status: "wait", cursor, dueMs: nowMs + BATCH_LEASE_MS }
    }
  }

  /** Stops a page of what is in flight, and keeps the rest from beginning. Call again while any is in flight. */
  async end(id: string, how: "canceled" | "expired", nowMs: number, error?: JobError): Promise<Ended> {
    const why = error === undefined ? "" : JSON.stringify(error)
    const args = [id, how, nowMs, this.#limits.resultTtlMs, MAX_STOPPED_AT_ONCE, why]
    const [status, inFlight, fields] = await this.#run(END_BATCH, args, endedReply)
    return { status, inFlight, batch: fields.length === 0 ? null : decodeBatch(fieldsOf(fields)) }
  }

  /** Wakes classifiers, as some batch may be due. A hint: it may be lost, or wrong. */
  async wakeForBatches(): Promise<void> {
    await this.#redis.publish(this.#keys.wakeChannel, encodeWakeUp({ kind: "batches" }))
  }

  #run<T>(script: Script, args: readonly (string | number)[], reply: z.ZodType<T>): Promise<T> {
    return runScript(this.#redis, script, { keys: [this.#keys.prefix], args, reply })
  }
}

/** The plan as each event of a batch has it: without what grows with the list, and none without a webhook. */
function eventPlan(plan: BatchPlan): string {
  if (plan.webhookUrl === undefined) return ""
  return JSON.stringify({ ...plan, columns: [], chunks: [], fingerprint: "", webhookUrl: undefined })
}

const sealName = (listId: string, index: number) => `list:${listId}:${index}`

const fieldsOf = (reply: unknown): Record<string, string> => Object.fromEntries(pairsOf(reply))
const isEmpty = (fields: unknown) => fields === null || Object.keys(fields as object).length === 0
