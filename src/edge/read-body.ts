import { AppError } from "../lib/app-error.ts"
import { GrowingBytes } from "../lib/growing-bytes.ts"
import type { Services } from "./services.ts"

/** How much of a body that is too long is read and thrown away, so that its sender hears the answer. */
const MAX_DISCARDED_BYTES = 64_000_000
const MAX_DISCARDING_MS = 2_000

/**
 * Reads a body of at most `maxBytes`. A longer one is refused by its Content-Length, or counted and discarded as it streams:
 * breaking off a body in the middle would cost the client its answer.
 * @throws AppError image_too_large, bad_request for a body that ends before it should
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => new AppError("image_too_large", `Cannot accept the body: it has more than ${maxBytes} bytes`)
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge()
  if (request.body === null) return new Uint8Array()

  const bytes = new GrowingBytes()
  let length = 0
  const reader = request.body.getReader()
  for (;;) {
    const { done, value } = await reader.read().catch(endedEarly)
    if (done) break
    length += value.length
    if (length <= maxBytes) bytes.append(value)
    else bytes.clear()
    if (length > MAX_DISCARDED_BYTES) {
      await reader.cancel()
      break
    }
  }
  if (length > maxBytes) throw tooLarge()
  return bytes.take()
}

/**
 * Reads on what a refusal left unread, and throws it away: a sender in the middle of its body hears no answer before it
 * has ended. What is announced as too long, or comes too slowly, is broken off.
 */
export async function discardRest(request: Request, sleep: Services["sleep"]): Promise<void> {
  if (request.method === "GET" || request.method === "HEAD" || request.bodyUsed || request.body === null) return
  // Whoever reads it sees to the rest of it.
  if (request.body.locked) return
  if (Number(request.headers.get("content-length") ?? 0) > MAX_DISCARDED_BYTES) return
  const over = new AbortController()
  const reader = request.body.getReader()
  const discard = async () => {
    for (let length = 0; length <= MAX_DISCARDED_BYTES && !over.signal.aborted; ) {
      // A sender that goes away has nobody left to hear the answer.
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }))
      if (done || value === undefined) return
      length += value.length
    }
  }
  // One race, not one for each chunk: what waits for the same promise is kept until it settles, and its chunk with it.
  await Promise.race([discard(), sleep(MAX_DISCARDING_MS, over.signal)])
  over.abort()
}

/** A client that goes away is no failure of ours. */
function endedEarly(cause: unknown): never {
  throw new AppError("bad_request", "Cannot read the body: it ended too early", { cause })
}
