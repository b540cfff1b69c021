import { encodeBase32 } from "../base32.ts"
import { equalInConstantTime } from "../equal-in-constant-time.ts"
import { sha256Hex } from "../sha256.ts"

const PREFIX = "ck_"
const RANDOM_BYTES = 20
const RANDOM_CHARS = 32
const CHECKSUM_CHARS = 6

/** What a key may be called: one word, in a list of variables as in a shell. */
export const KEY_NAME = /^[a-z0-9][a-z0-9_.-]{0,63}$/i

/** A new key: "ck_", 160 random bits, and 30 bits of their SHA-256, by which a typo is seen without asking anybody. */
export async function newApiKey(random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES))): Promise<string> {
  const body = encodeBase32(random)
  return PREFIX + body + (await checksumOf(body))
}

/** Whether a token means to be a key of ours. Keys in API_KEYS may be any other word. */
export function looksLikeApiKey(token: string): boolean {
  return token.startsWith(PREFIX)
}

/** Whether a token that looks like a key can be one: every typo but one in a billion cannot. */
export async function hasRightChecksum(token: string): Promise<boolean> {
  if (token.length !== PREFIX.length + RANDOM_CHARS + CHECKSUM_CHARS) return false
  const body = token.slice(PREFIX.length, -CHECKSUM_CHARS)
  return equalInConstantTime(PREFIX + body + (await checksumOf(body)), token)
}

/** What is kept of a key. It has too many random bits to be found by trying, so a fast hash does. */
export function hashApiKey(key: string): Promise<string> {
  return sha256Hex(new TextEncoder().encode(key))
}

async function checksumOf(body: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body))
  return encodeBase32(new Uint8Array(digest)).slice(0, CHECKSUM_CHARS)
}
