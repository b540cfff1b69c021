import { AppError } from "../lib/app-error.ts"
import { SCHEMA_VERSION } from "../lib/queue/keys.ts"
import { readOtherSchema } from "../lib/queue/schema-version.ts"
import type { Services } from "./services.ts"

/** Nobody is asked who they are: whoever asks often must not cost a command each time. */
const MAX_AGE_MS = 1_000

/**
 * Work can be accepted: Redis answers, the classifiers that came last read the jobs that this edge writes, and there is
 * somebody who may send it.
 * @throws AppError redis_unavailable, schema_mismatch, no_keys
 */
export async function assertReady(services: Services): Promise<void> {
  const reason = await services.readyLook.read(() => lookWhyNot(services), MAX_AGE_MS)
  if (reason !== null) throw reason
}

async function lookWhyNot({ redis, keys, apiKeys, config }: Services): Promise<AppError | null> {
  const found = await readOtherSchema(redis, keys)
  if (found !== null) {
    const message = `This edge writes jobs of schema ${SCHEMA_VERSION}, and the classifiers read schema ${found}`
    return new AppError("schema_mismatch", message)
  }
  if (config.ALLOW_ANONYMOUS || config.API_KEYS.length > 0 || (await apiKeys.any())) return null
  return new AppError(
    "no_keys",
    "Cannot accept work: make an API key (`claimcheck keys create`), or set ALLOW_ANONYMOUS=true",
  )
}
