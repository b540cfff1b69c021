import * as z from "zod"
import { AppError } from "../app-error.ts"
import type { Redis } from "./redis.ts"
import { runScript } from "./run-script.ts"
import { READ_MEMORY } from "./scripts.ts"

/** What Redis says of its memory. `maxBytes` is 0 where it has no maxmemory. */
export type RedisMemory = { usedBytes: number; maxBytes: number; policy: string }

/** Null where Redis does not say (Upstash, or a user without INFO). */
export const memoryReply = z
  .union([z.tuple([z.coerce.string(), z.coerce.string(), z.coerce.string()]), z.tuple([])])
  .transform(([used, max, policy]): RedisMemory | null =>
    used === undefined ? null : { usedBytes: Number(used), maxBytes: Number(max), policy: policy ?? "" },
  )

/** @throws AppError redis_unavailable */
export function readMemory(redis: Pick<Redis, "script">): Promise<RedisMemory | null> {
  return runScript(redis, READ_MEMORY, { keys: [], reply: memoryReply })
}

/** The problem of a Redis that evicts keys: they all have a TTL, so every policy but noeviction drops accepted jobs. */
export function evictionProblem(memory: RedisMemory | null): AppError | null {
  if (memory === null || memory.maxBytes === 0 || memory.policy === "noeviction" || memory.policy === "") return null
  const message = `The queue's Redis drops keys when it is full (maxmemory-policy ${memory.policy}): set noeviction, or ALLOW_EVICTION=true`
  return new AppError("redis_evicts", message)
}
