import * as z from "zod"
import { type Keys, SCHEMA_VERSION } from "../redis/keys.ts"
import type { Redis } from "../redis/redis.ts"
import { runScript } from "../redis/run-script.ts"
import { RUN_WHEN_FULL } from "../redis/scripts.ts"

const TTL_MS = 10 * 86_400_000

/**
 * The version of the classifiers that started last, if it is not ours: their jobs have other keys, so neither side
 * sees what the other does. Null when it is ours, or none is recorded. @throws AppError redis_unavailable
 */
export async function readOtherSchema(redis: Redis, keys: Keys): Promise<string | null> {
  return unlessOurs(await redis.get<string>(keys.schema))
}

/** Writes our version, and returns the previous one if it differed. @throws AppError redis_unavailable */
export async function recordSchema(redis: Redis, keys: Keys): Promise<string | null> {
  const set = ["SET", keys.schema, SCHEMA_VERSION, "GET", "PX", TTL_MS]
  const reply = z.string().nullable()
  return unlessOurs(await runScript(redis, RUN_WHEN_FULL, { keys: [keys.schema], args: set, reply }))
}

function unlessOurs(version: unknown): string | null {
  return version === null || String(version) === String(SCHEMA_VERSION) ? null : String(version)
}
