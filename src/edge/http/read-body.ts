import { GrowingBytes } from "../../lib/growing-bytes.ts"
import { imageTooLarge } from "../../lib/images/too-large.ts"
import type { Services } from "../services.ts"
import { isOver, type RequestBody } from "./request-body.ts"

/** How much of a refused body is read and discarded, so that its sender reads the response. */
const MAX_DISCARDED_BYTES = 64_000_000
const PATIENCE_MS = 2_000
/** A megabyte a second is the slowest that is waited for beyond that. */
const SLOWEST_BYTES_PER_MS = 1_000

/**
 * Reads a body of at most `maxBytes`. A longer one is refused by its Content-Length, or as soon as it is too long; the rest is
 * left to discardRest().
 * @param limitBytes of the image alone, for the error of a larger one
 * @throws AppError image_too_large, and what a RequestBody throws
 */
export async function readBody(
  body: RequestBody,
  maxBytes: number,
  limitBytes = maxBytes,
): Promise<Uint8Array<ArrayBuffer>> {
  const announced = Number(body.request.headers.get("content-length") ?? 0)
  if (announced > maxBytes) throw imageTooLarge(limitBytes, announced - (maxBytes - limitBytes))
  const bytes = new GrowingBytes()
  for (let piece = await body.read(); piece !== null; piece = await body.read()) {
    if (bytes.length + piece.length > maxBytes) throw imageTooLarge(limitBytes)
    body.hold(bytes.growthFor(piece))
    bytes.append(piece)
  }
  return bytes.take()
}

/** Discards the rest of a refused body, so that its sender reads the response. Aborts one that is announced as too long, or is slow. */
export async function discardRest(request: Request, sleep: Services["sleep"]): Promise<void> {
  if (request.method === "GET" || request.method === "HEAD" || request.body === null) return
  if (isOver(request.body)) return
  if (Number(request.headers.get("content-length") ?? 0) > MAX_DISCARDED_BYTES) return
  const over = new AbortController()
  const reader = request.body.getReader()
  let length = 0
  const discard = async () => {
    while (length <= MAX_DISCARDED_BYTES && !over.signal.aborted) {
      // The client is gone and gets no response.
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }))
      if (done || value === undefined) return
      length += value.length
    }
  }
  const untilTooSlow = async () => {
    let waitedMs = 0
    do {
      await sleep(PATIENCE_MS, over.signal)
      waitedMs += PATIENCE_MS
    } while (!over.signal.aborted && waitedMs < length / SLOWEST_BYTES_PER_MS)
  }
  // One race, not one for each chunk: what waits for the same promise is kept until it settles, and its chunk with it.
  await Promise.race([discard(), untilTooSlow()])
  over.abort()
}
