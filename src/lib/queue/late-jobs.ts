import * as z from "zod"
import type { Keys } from "../redis/keys.ts"
import type { Redis } from "../redis/redis.ts"
import { runScript } from "../redis/run-script.ts"
import { EXPIRE_WAITING } from "../redis/scripts.ts"

export type LatePage = { ended: number; next: number }

/**
 * Fails jobs past their deadline on a page of a queue, from the place `from` on: nothing else does while no classifier claims from
 * it. `next` is where to go on, or -1 at the end. @throws AppError redis_unavailable
 */
export async function endLate(
  { redis, keys }: { redis: Redis; keys: Keys },
  queue: string,
  { nowMs, from = 0 }: { nowMs: number; from?: number },
): Promise<LatePage> {
  const reply = z.tuple([z.number(), z.number()])
  const [ended, next] = await runScript(redis, EXPIRE_WAITING, {
    keys: [keys.prefix],
    args: [queue, nowMs, from],
    reply,
  })
  return { ended, next }
}
