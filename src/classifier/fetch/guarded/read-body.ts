import { GrowingBytes } from "../../../lib/growing-bytes.ts"
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
  const kept = new GrowingBytes()
  let truncated = false
  for await (const chunk of chunks) {
    if (kept.length + chunk.byteLength > maxBytes) {
      if (onTooLarge === "throw") throw tooLarge(maxBytes)
      kept.append(chunk.subarray(0, maxBytes - kept.length))
      truncated = true
      break
    }
    kept.append(chunk)
  }
  return { body: kept.take(), truncated }
}

export function tooLarge(maxBytes: number): GuardedFetchError {
  return new GuardedFetchError("too_large", `Cannot read the response: it has more than ${maxBytes} bytes`)
}
