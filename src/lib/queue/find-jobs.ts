import * as z from "zod"
import { AppError } from "../app-error.ts"
import type { Keys } from "../redis/keys.ts"
import type { Redis } from "../redis/redis.ts"
import { runScript } from "../redis/run-script.ts"
import { FIND_JOBS } from "../redis/scripts.ts"
import { decodeIfReadable, type Job } from "./job.ts"
import { modelOfQueue, queuesOf, queuesOfModel } from "./queue-name.ts"

/** `dead` are jobs that used up their attempts. Other jobs that are done are in no list: only their tickets lead to them. */
export const JOB_STATES = ["queued", "processing", "dead"] as const
export type JobState = (typeof JOB_STATES)[number]

export type JobFilter = {
  state?: JobState | undefined
  /** A model, or "@resize" for an operation without one. */
  model?: string | undefined
  caller?: string | undefined
  createdUntilMs?: number | undefined
  /** Only tickets of their own that are open: no rows of batches, and none that has withdrawn from work which others share. */
  single?: boolean
}
export type FoundJobs = { jobs: Job[]; cursor: string | null }

const MAX_LOOKED = 1_000

const reply = z.tuple([z.array(z.string()), z.string(), z.string(), z.number()])

/**
 * A page of jobs, those of each queue in the order in which they are claimed. A page can be empty although more follow: what is looked
 * at is bounded, whatever matches. A job that changes its state meanwhile may come twice, or not at all.
 * @param models that are known
 * @throws AppError invalid_options for a cursor of other filters, redis_unavailable
 */
export async function findJobs(
  { redis, keys }: { redis: Redis; keys: Keys },
  filter: JobFilter,
  { models, cursor, limit = 100 }: { models: readonly string[]; cursor?: string | undefined; limit?: number },
): Promise<FoundJobs> {
  const all = placesOf(filter, models)
  const start = cursor === undefined ? { place: all[0] ?? "", from: "-inf", skip: 0 } : readCursor(cursor)
  const at = start === null ? -1 : all.indexOf(start.place)
  if (start === null || at < 0) throw new AppError("invalid_options", "Cannot go on: cursor: it is not of this list")
  const { state, ...others } = filter
  const settings = {
    ...others,
    state: state === "dead" ? "failed" : state,
    places: all.slice(at),
    from: start.from,
    skip: start.skip,
    look: MAX_LOOKED,
    limit,
  }
  const args = [JSON.stringify(settings)]
  const [texts, place, from, skip] = await runScript(redis, FIND_JOBS, { keys: [keys.prefix], args, reply })
  const jobs = texts.flatMap((text) => decodeIfReadable(text) ?? [])
  return { jobs, cursor: place === "" ? null : `${place}~${from}~${skip}` }
}

/** Where to go on when so many of the page's jobs have left their place since: fewer stand before it. */
export function cursorAfterLeaving(cursor: string | null, left: number): string | null {
  return cursor?.replace(/\d+$/, (skip) => String(Math.max(0, Number(skip) - left))) ?? null
}

/** Where jobs of a state are. One that waits for its next attempt is among the leases. */
function placesOf({ state, model }: JobFilter, models: readonly string[]): string[] {
  const known = [...queuesOf(models, { urls: false }), ...queuesOf(models, { urls: true })]
  const queues = model === undefined ? known : queuesOfModel(modelOfQueue(model))
  const waiting = queues.map((queue) => `queue:${queue}`)
  if (state === "dead") return ["dead"]
  if (state === "processing") return ["leases"]
  return state === "queued" ? [...waiting, "leases"] : [...waiting, "leases", "dead"]
}

function readCursor(text: string): { place: string; from: string; skip: number } | null {
  const [, place = "", from = "", skip] = /^(.+)~(-?\d[\d.e+-]{0,30})~(\d{1,6})$/.exec(text) ?? []
  return place !== "" && Number.isFinite(Number(from)) ? { place, from, skip: Number(skip) } : null
}
