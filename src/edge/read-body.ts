import { AppError } from "../lib/app-error.ts"

/** How much of a body that is too long is read and thrown away, so that its sender hears the answer. */
const MAX_DISCARDED_BYTES = 64_000_000

/**
 * Reads a body of at most `maxBytes`. A longer one is refused by its Content-Length, or counted and discarded as it streams:
 * breaking off a body in the middle would cost the client its answer.
 * @throws AppError image_too_large, bad_request for a body that ends before it should
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => new AppError("image_too_large", `Cannot accept the body: it has more than ${maxBytes} bytes`)
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge()
  if (request.body === null) return new Uint8Array()

  const chunks: Uint8Array[] = []
  let length = 0
  const reader = request.body.getReader()
  for (;;) {
    const { done, value } = await reader.read().catch(endedEarly)
    if (done) break
    length += value.length
    if (length <= maxBytes) chunks.push(value)
    else chunks.length = 0
    if (length > MAX_DISCARDED_BYTES) {
      await reader.cancel()
      break
    }
  }
  if (length > maxBytes) throw tooLarge()
  return concat(chunks, length)
}

/** A client that goes away is no failure of ours. */
function endedEarly(cause: unknown): never {
  throw new AppError("bad_request", "Cannot read the body: it ended too early", { cause })
}

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
