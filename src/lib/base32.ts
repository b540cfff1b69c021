/** Crockford's base 32, so that ids survive being read aloud. */
export const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

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
