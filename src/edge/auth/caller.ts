import { AppError } from "../../lib/app-error.ts"
import { hashApiKey, hasRightChecksum, looksLikeApiKey } from "../../lib/callers/api-key.ts"
import type { ApiKeyRecord } from "../../lib/callers/api-key-store.ts"
import { addressCaller, isKeyCaller, keyCaller, networkOf } from "../../lib/callers/caller-id.ts"
import type { RateLimit } from "../../lib/callers/rate-limit.ts"
import { equalInConstantTime } from "../../lib/equal-in-constant-time.ts"
import type { ApiKey } from "../config.ts"
import type { KnownKeys } from "./known-keys.ts"

/** The caller: an API key by name, or the network of the address that the platform vouches for. */
export type Caller = {
  id: string
  weight: number
  /** How often it may submit; null for as often as it likes. */
  rateLimit: RateLimit | null
  /** How many of its jobs may wait, where that is not as for everybody. */
  maxDepth?: number
}

export type CallerRules = {
  apiKeys: readonly ApiKey[]
  knownKeys: Pick<KnownKeys, "find">
  allowAnonymous: boolean
  rateLimit: RateLimit | null
}

/** Longer ones are no keys, and not worth hashing. */
const MAX_TOKEN_CHARS = 512

/**
 * Asks Redis only for keys that this isolate has not looked up lately.
 * @throws AppError unauthorized, unknown_key, mistyped_key, too_many_guesses; redis_unavailable
 */
export async function identifyCaller(
  authorization: string | undefined,
  clientAddress: string,
  rules: CallerRules,
): Promise<Caller> {
  const { rateLimit } = rules
  if (authorization === undefined) {
    if (rules.allowAnonymous) return { id: addressCaller(clientAddress), weight: 1, rateLimit }
    throw new AppError("unauthorized", "Cannot accept the request: send `Authorization: Bearer <your API key>`")
  }
  const key = await findKey(readBearer(authorization), networkOf(clientAddress), rules)
  if (key === null) throw new AppError("unknown_key", "Cannot accept the request: the API key is not known, or revoked")
  const { name, weight, maxDepth } = key
  return {
    id: keyCaller(name),
    weight,
    rateLimit: key.rateLimit ?? rateLimit,
    ...(maxDepth !== undefined && { maxDepth }),
  }
}

/** @throws AppError unauthorized for another scheme than Bearer, and for no token or more than one */
function readBearer(authorization: string): string {
  const token = authorization.match(/^Bearer +(\S+) *$/i)?.[1]
  if (token !== undefined && token.length <= MAX_TOKEN_CHARS) return token
  const message = "Cannot read the Authorization header: it has to be `Authorization: Bearer <your API key>`"
  throw new AppError("unauthorized", message)
}

type FoundKey = Pick<ApiKeyRecord, "name" | "weight"> & {
  rateLimit?: RateLimit | undefined
  maxDepth?: number | undefined
}

async function findKey(token: string, network: string, { apiKeys, knownKeys }: CallerRules): Promise<FoundKey | null> {
  const sha256 = await hashApiKey(token)
  let found: ApiKey | undefined
  for (const key of apiKeys) if (equalInConstantTime(key.sha256, sha256)) found = key
  if (found !== undefined) return found
  // What `claimcheck keys create` has made has this look; anything else cannot be in Redis.
  if (!looksLikeApiKey(token)) return null
  if (!(await hasRightChecksum(token))) {
    throw new AppError("mistyped_key", "Cannot accept the request: the API key has a typo, its checksum does not fit")
  }
  return knownKeys.find(sha256, network)
}

/** An API key's tickets are that key's alone. An anonymous caller's ticket is itself the capability. */
export function mayRead(caller: Caller, job: { caller: string }): boolean {
  return isKeyCaller(job.caller) ? job.caller === caller.id : true
}

/** @throws AppError not_found for another caller's job, so that a guess does not tell whether it exists */
export function assertMayRead<T extends { caller: string }>(caller: Caller, job: T | null): asserts job is T {
  if (job === null || !mayRead(caller, job))
    throw new AppError("not_found", "There is no such ticket, or it has expired")
}
