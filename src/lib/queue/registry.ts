import * as z from "zod"
import { counterFields, type Keys } from "../redis/keys.ts"
import { pairsOf } from "../redis/pairs-of.ts"
import type { Redis } from "../redis/redis.ts"
import { runScript, yesOrNo } from "../redis/run-script.ts"
import { ENROLL } from "../redis/scripts.ts"
import { endLate } from "./late-jobs.ts"
import { queuesOfModel } from "./queue-name.ts"

const servedModelSchema = z.object({
  id: z.string(),
  version: z.string(),
  name: z.string(),
  inputWidth: z.number(),
  inputHeight: z.number(),
  labels: z.number(),
  /** In which languages it can answer (BCP 47); empty where the model does not say. */
  languages: z.array(z.string()).default([]),
  /** What computes it; unknown of classifiers before this was told. */
  servedBy: z.object({ engine: z.string(), plan: z.boolean(), reason: z.string().optional() }).optional(),
  /** When a classifier last said that it serves the model. */
  seenMs: z.number(),
})
/** A model that some classifier serves, or served. */
export type ServedModel = z.infer<typeof servedModelSchema>
type NewlyServed = Omit<z.input<typeof servedModelSchema>, "seenMs">

const workerBeatSchema = z.object({
  /** The worker counts as gone without a heartbeat by then. */
  untilMs: z.number(),
  lanes: z.number(),
  /** Model folders that it cannot serve as they are. */
  broken: z.array(z.object({ id: z.string(), code: z.string(), message: z.string() })).default([]),
  /** How fast it is, by the queues that it takes jobs from. */
  queues: z.record(
    z.string(),
    z.object({
      /** What one job takes from claim to answer, for a picture of the mean size. */
      jobMs: z.number(),
      /** How many jobs this worker finishes when all lanes work. */
      perSecond: z.number(),
      /** The mean size of the pictures, and what decoding takes of a larger one. */
      megapixels: z.number().default(0),
      msPerMegapixel: z.number().default(0),
    }),
  ),
})
/** A worker's heartbeat. */
export type WorkerBeat = z.infer<typeof workerBeatSchema>

/** A field of the registry: uploads are refused until the queue is empty. */
export const DRAINING = "draining"

export type RegistrySnapshot = { isDraining?: true; models: ServedModel[]; workers: (WorkerBeat & { id: string })[] }

/** Uploads for a model are accepted for so long after it was last served; then it is as if it had never been. */
const REMEMBER_MODEL_MS = 86_400_000
const REGISTRY_TTL_MS = 10 * 86_400_000
const MODEL = "model:"
const WORKER = "worker:"

/** Who serves which model. One hash, so that an edge learns all of it with one command. */
export class Registry {
  readonly #redis: Redis
  readonly #key: string
  readonly #counters: string
  readonly #queue: { redis: Redis; keys: Keys }

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis
    this.#key = keys.registry
    this.#counters = keys.counters
    this.#queue = { redis, keys }
  }

  /** Makes a worker's models known, and forgets workers and models that are long gone, and jobs that wait for them in vain. */
  async enroll(models: readonly NewlyServed[], nowMs: number): Promise<void> {
    const known = await this.read()
    const gone = [
      ...known.workers.filter(({ untilMs }) => untilMs < nowMs - 60_000).map(({ id }) => WORKER + id),
      ...(await this.#findForgotten(known, nowMs)).map((id) => MODEL + id),
    ]
    const entries = models.flatMap((model) => [MODEL + model.id, JSON.stringify({ ...model, seenMs: nowMs })])
    await runScript(this.#redis, ENROLL, { keys: [this.#key], args: [REGISTRY_TTL_MS, ...entries], reply: yesOrNo })
    if (gone.length > 0) await this.#redis.hdel(this.#key, ...gone)
    for (const { id } of known.models) {
      if (models.some((model) => model.id === id)) continue
      for (const queue of queuesOfModel(id)) {
        if (serviceRate(known, queue, { nowMs }).classifiers === 0) await this.#expireWaiting(queue, nowMs)
      }
    }
  }

  /** Models to forget altogether. While something waits for one, operators see it, and what is late there is failed. */
  async #findForgotten(known: RegistrySnapshot, nowMs: number): Promise<string[]> {
    const ids = known.models.filter((model) => !isRemembered(known, model, nowMs)).map(({ id }) => id)
    if (ids.length === 0) return []
    const queues = ids.flatMap((model) => queuesOfModel(model))
    const depths = (await this.#redis.hmget(this.#counters, ...queues.map(counterFields.waitingIn))) as unknown
    return ids.filter((_id, at) =>
      [0, 1].every((kind) => Number((depths as (string | null)[])[2 * at + kind] ?? 0) <= 0),
    )
  }

  async #expireWaiting(queue: string, nowMs: number): Promise<void> {
    for (let from = 0; from >= 0; ) from = (await endLate(this.#queue, queue, { nowMs, from })).next
  }

  /** A worker that leaves in good order is not counted any longer. */
  async leave(worker: string): Promise<void> {
    await this.#redis.hdel(this.#key, WORKER + worker)
  }

  async read(): Promise<RegistrySnapshot> {
    const fields = await this.#redis.hgetall(this.#key)
    const snapshot: RegistrySnapshot = { models: [], workers: [] }
    for (const [name, text] of pairsOf(fields)) {
      // An entry that another release wrote and that cannot be read here is left out.
      if (name === DRAINING) snapshot.isDraining = true
      if (name.startsWith(MODEL)) snapshot.models.push(...readable(servedModelSchema, text))
      if (name.startsWith(WORKER)) {
        const id = name.slice(WORKER.length)
        snapshot.workers.push(...readable(workerBeatSchema, text).map((beat) => ({ id, ...beat })))
      }
    }
    // A hash has no order; without one, which model is the first would change from read to read.
    const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)
    return { ...snapshot, models: snapshot.models.sort(byId), workers: snapshot.workers.sort(byId) }
  }
}

/** Whether a model is served, or was not long ago: then uploads for it are accepted. */
export function isRemembered(snapshot: RegistrySnapshot, { id, seenMs }: ServedModel, nowMs: number): boolean {
  return seenMs >= nowMs - REMEMBER_MODEL_MS || serviceRate(snapshot, id, { nowMs }).classifiers > 0
}

/** How fast the living workers answer what waits in one queue. `jobMs` is for a picture of the size that was asked about. */
export type ServiceRate = { classifiers: number; perSecond: number; jobMs: number }

/** @param megapixels of the picture that waits; without it, one of the mean size */
export function serviceRate(
  snapshot: RegistrySnapshot,
  queue: string,
  { nowMs, megapixels }: { nowMs: number; megapixels?: number },
): ServiceRate {
  const serving = snapshot.workers
    .filter((worker) => worker.untilMs > nowMs)
    .flatMap((worker) => worker.queues[queue] ?? [])
  const perSecond = serving.reduce((sum, rate) => sum + rate.perSecond, 0)
  const jobMs = serving.reduce((sum, rate) => sum + jobMsFor(rate, megapixels), 0) / Math.max(1, serving.length)
  return { classifiers: serving.length, perSecond, jobMs }
}

function jobMsFor(rate: WorkerBeat["queues"][string], megapixels = rate.megapixels): number {
  return Math.max(1, rate.jobMs + (megapixels - rate.megapixels) * rate.msPerMegapixel)
}

function readable<T>(schema: z.ZodType<T>, text: string): T[] {
  const { success, data } = schema.safeParse(JSON.parse(text))
  return success ? [data] : []
}
