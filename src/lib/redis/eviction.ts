import * as z from "zod"
import { AppError } from "../app-error.ts"
import type { Redis } from "./redis.ts"
import { runScript } from "./run-script.ts"
import { READ_EVICTION } from "./scripts.ts"

/**
 * What is wrong with a Redis that drops keys when it is full: all that lies in it has a TTL, so every policy but noeviction loses
 * jobs that were accepted. Null where it drops none, or does not say (Upstash, or a user without INFO).
 * @throws AppError redis_unavailable
 */
export async function findEviction(redis: Pick<Redis, "script">): Promise<AppError | null> {
  return evictionProblem(await runScript(redis, READ_EVICTION, { keys: [], reply: z.string() }))
}

export function evictionProblem(policy: unknown): AppError | null {
  const name = String(policy ?? "")
  if (name === "") return null
  const message = `The queue's Redis drops keys when it is full (maxmemory-policy ${name}): set noeviction, or ALLOW_EVICTION=true`
  return new AppError("redis_evicts", message)
}
