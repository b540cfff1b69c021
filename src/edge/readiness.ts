import { AppError } from "../lib/app-error.ts"
import { SCHEMA_VERSION } from "../lib/keys.ts"
import { readOtherSchema } from "../lib/schema-version.ts"
import type { Services } from "./services.ts"

/**
 * Work can be accepted: Redis answers, the classifiers that came last read the jobs that this edge writes, and there is
 * somebody who may send it.
 * @throws AppError redis_unavailable, schema_mismatch, no_keys
 */
export async function assertReady({ redis, keys, apiKeys, config }: Services): Promise<void> {
  const found = await readOtherSchema(redis, keys)
  if (found !== null) {
    const message = `This edge writes jobs of schema ${SCHEMA_VERSION}, and the classifiers read schema ${found}`
    throw new AppError("schema_mismatch", message)
  }
  if (config.ALLOW_ANONYMOUS || config.API_KEYS.length > 0 || (await apiKeys.any())) return
  throw new AppError(
    "no_keys",
    "Cannot accept work: make an API key (`claimcheck keys create`), or set ALLOW_ANONYMOUS=true",
  )
}
