import { ALPHABET, encodeBase32 } from "../base32.ts"

const ID_CHARS = 26
const TIME_CHARS = 10

/** 26 characters: 48 bits of milliseconds, then 80 random bits (the layout of a ULID, https://github.com/ulid/spec). */
export function newJobId(nowMs: number, randomBytes = crypto.getRandomValues(new Uint8Array(16))): string {
  let time = ""
  for (let rest = nowMs, i = 0; i < TIME_CHARS; i++, rest = Math.floor(rest / 32)) time = ALPHABET[rest % 32] + time
  return time + encodeBase32(randomBytes).slice(0, ID_CHARS - TIME_CHARS)
}

/** The same id for the same caller and Idempotency-Key, so that a repeated submit finds its first job by name. */
export async function jobIdForIdempotencyKey(caller: string, idempotencyKey: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${caller}\0${idempotencyKey}`))
  return encodeBase32(new Uint8Array(digest)).slice(0, ID_CHARS)
}

export function isJobId(text: string): boolean {
  return text.length === ID_CHARS && [...text].every((char) => ALPHABET.includes(char))
}
