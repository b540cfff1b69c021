import { AppError } from "../lib/app-error.ts"
import { addressCaller, isKeyCaller, keyCaller } from "../lib/caller-id.ts"
import { equalInConstantTime } from "../lib/ticket-id.ts"
import type { ApiKey } from "./config.ts"

/** Who asks: an API key by name, or the address that the platform vouches for. */
export type Caller = { id: string; weight: number }

export type CallerRules = { apiKeys: readonly ApiKey[]; allowAnonymous: boolean }

/** @throws AppError unauthorized for a token that is no key, or for none where one is needed */
export async function identifyCaller(
  authorization: string | undefined,
  clientAddress: string,
  { apiKeys, allowAnonymous }: CallerRules,
): Promise<Caller> {
  if (authorization === undefined) {
    if (allowAnonymous) return { id: addressCaller(clientAddress), weight: 1 }
    throw new AppError("unauthorized", "Cannot accept the request: send `Authorization: Bearer <your API key>`")
  }
  const token = authorization.match(/^Bearer +(\S+) *$/i)?.[1]
  const sha256 = token === undefined ? "" : await sha256Hex(new TextEncoder().encode(token))
  let found: ApiKey | undefined
  for (const key of apiKeys) if (equalInConstantTime(key.sha256, sha256)) found = key
  if (found === undefined) throw new AppError("unauthorized", "Cannot accept the request: the API key is not known")
  return { id: keyCaller(found.name), weight: found.weight }
}

/** An API key's tickets are that key's alone. An anonymous caller's ticket is itself the capability. */
export function mayRead(caller: Caller, job: { caller: string }): boolean {
  return isKeyCaller(job.caller) ? job.caller === caller.id : true
}

/** @throws AppError not_found for somebody else's job, as for none: nobody learns which it was */
export function assertMayRead<T extends { caller: string }>(caller: Caller, job: T | null): asserts job is T {
  if (job === null || !mayRead(caller, job))
    throw new AppError("not_found", "There is no such ticket, or it has expired")
}

export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}
