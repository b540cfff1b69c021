import * as z from "zod"
import { counterFields, type Keys } from "../redis/keys.ts"
import type { Redis } from "../redis/redis.ts"
import { modelOfQueue } from "./queue-name.ts"
import type { ServiceRate } from "./registry.ts"

/** What an operator has set for one model, or for an operation without one ("@resize"). */
export const modelLimitSchema = z.object({
  paused: z.literal(true).optional(),
  /** At most so many of its jobs are worked on at once, by all classifiers together. */
  concurrency: z.number().optional(),
})
export type ModelLimit = z.infer<typeof modelLimitSchema>
export const modelLimitsSchema = z.record(z.string(), modelLimitSchema)

/** What an operator has set. */
export type QueueLimits = { isPaused: boolean; models: Record<string, ModelLimit> }
export type Pause = "all" | "model" | null

export const LIMIT_FIELDS = [counterFields.paused, counterFields.limits]

/** @param values of those fields */
export function parseLimits([paused, limits]: readonly (string | null | undefined)[]): QueueLimits {
  return { isPaused: paused === "1", models: modelLimitsSchema.parse(JSON.parse(limits || "{}")) }
}

/** @throws AppError redis_unavailable */
export async function readLimits({ redis, keys }: { redis: Redis; keys: Keys }): Promise<QueueLimits> {
  return parseLimits((await redis.hmget(keys.counters, ...LIMIT_FIELDS)) as unknown as (string | null)[])
}

export const limitOf = ({ models }: QueueLimits, queue: string): ModelLimit => models[modelOfQueue(queue)] ?? {}

export function pauseOf(limits: QueueLimits, queue?: string): Pause {
  if (limits.isPaused) return "all"
  return queue !== undefined && limitOf(limits, queue).paused ? "model" : null
}

/** How fast a queue is that may use so many lanes at once. */
export function limitRate(rate: ServiceRate, { concurrency }: ModelLimit): ServiceRate {
  if (concurrency === undefined || rate.jobMs === 0) return rate
  return { ...rate, perSecond: Math.min(rate.perSecond, (concurrency * 1_000) / rate.jobMs) }
}
