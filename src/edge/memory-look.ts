import type { Warning } from "../lib/queue/nearly-full.ts"
import { type RedisMemory, readMemory } from "../lib/redis/memory.ts"
import type { Services } from "./services.ts"

const MAX_AGE_MS = 60_000

/** The memory of Redis as it was a minute ago at most. @throws AppError redis_unavailable */
export function lookAtMemory({ redis, memoryLook }: Services): Promise<RedisMemory | null> {
  return memoryLook.read(() => readMemory(redis), MAX_AGE_MS)
}

const LOG_MS = 600_000

/** Logs each warning every ten minutes at most. */
export function logWarnings({ warnedMs, log }: Services, warnings: readonly Warning[]): void {
  for (const { code, message } of warnings) {
    if (Date.now() - (warnedMs.get(code) ?? 0) < LOG_MS) continue
    warnedMs.set(code, Date.now())
    log.warn("queue.nearly_full", { code, reason: message })
  }
}
