import { GuardedFetchError } from "./guarded-fetch-error.ts"

export type ReadBodyOptions = {
  maxBytes: number
  /** `truncate` keeps the first `maxBytes` and hangs up; `throw` is for who needs all or nothing. */
  onTooLarge: "throw" | "truncate"
}

/**
 * Reads a body that may lie about its length or never end, holding at most `maxBytes` and one chunk. Whoever calls destroys
 * the stream when this throws.
 * @throws GuardedFetchError `too_large`
 */
export async function readBody(
  chunks: AsyncIterable<Uint8Array>,
  { maxBytes, onTooLarge }: ReadBodyOptions,
): Promise<{ body: Uint8Array; truncated: boolean }> {
  const kept: Uint8Array[] = []
  let bytes = 0
  let truncated = false
  for await (const chunk of chunks) {
    if (bytes + chunk.byteLength > maxBytes) {
      if (onTooLarge === "throw") throw tooLarge(maxBytes)
      kept.push(chunk.subarray(0, maxBytes - bytes))
      bytes = maxBytes
      truncated = true
      break
    }
    kept.push(chunk)
    bytes += chunk.byteLength
  }
  return { body: concat(kept, bytes), truncated }
}

export function tooLarge(maxBytes: number): GuardedFetchError {
  return new GuardedFetchError("too_large", `Cannot read the response: it has more than ${maxBytes} bytes`)
}

function concat(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.byteLength
  }
  return whole
}
