const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz" // Crockford's base 32, so that ids survive being read aloud
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

/** One character per five bits, most significant first; bits left over at the end are dropped. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = ""
  let buffer = 0
  let bits = 0
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(buffer >> (bits - 5)) & 31]
    buffer &= (1 << bits) - 1
  }
  return text
}
