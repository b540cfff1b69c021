import * as z from "zod"
import type { RedisMemory } from "../redis/memory.ts"

/** Above this share of a limit an operator has to act: at the limit uploads are refused. */
const NEARLY_FULL = 0.8

export const warningSchema = z.object({
  code: z.enum(["results_nearly_full", "redis_nearly_full"]),
  message: z.string(),
})
export type Warning = z.infer<typeof warningSchema>

/** What is nearly full: the bytes kept of accepted jobs, and the memory of Redis, where it is known. */
export function findWarnings({
  results,
  memory = null,
}: {
  results?: { result_bytes: number; max_result_bytes: number }
  memory?: RedisMemory | null
}): Warning[] {
  const kept = results && shareOf(results.result_bytes, results.max_result_bytes)
  const used = memory && shareOf(memory.usedBytes, memory.maxBytes)
  return [
    ...(kept ? [{ code: "results_nearly_full", message: `Results use ${kept} of MAX_RESULT_BYTES` } as const] : []),
    ...(used ? [{ code: "redis_nearly_full", message: `Redis uses ${used} of its maxmemory` } as const] : []),
  ]
}

/** In percent, or nothing while there is room. */
function shareOf(bytes: number, maxBytes: number): string | undefined {
  const share = bytes / maxBytes
  return maxBytes > 0 && share > NEARLY_FULL ? `${Math.floor(share * 100)} %` : undefined
}
