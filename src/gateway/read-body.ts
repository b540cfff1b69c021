import { RestError } from "./rest-error.ts"

/** Bytes beyond the limit that are read and discarded, so that the client reads the 413. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024

/** What the body will take in memory: as declared, or else as much as it may. Throws RestError 413 above `maxBytes`. */
export function bodyBytes(request: Request, maxBytes: number): number {
  if (request.method === "GET" || request.method === "HEAD") return 0
  const declared = request.headers.get("content-length")
  if (declared === null) return maxBytes
  if (Number(declared) > maxBytes) throw tooLarge(maxBytes)
  return Number(declared)
}

/** The request's body, empty where there is none; one with a declared length has passed `bodyBytes()`. Throws RestError. */
export async function readBody(request: Request, maxBytes: number): Promise<Buffer> {
  if (request.method === "GET" || request.method === "HEAD") return Buffer.alloc(0)
  try {
    if (request.headers.get("content-length") === null) return await readStream(request.body, maxBytes)
    return Buffer.from(await request.arrayBuffer())
  } catch (cause) {
    // The client disconnected: not an error, and no response can be read.
    throw cause instanceof RestError ? cause : new RestError(400, "ERR the request body ended early", { cause })
  }
}

async function readStream(stream: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of stream ?? []) {
    bytes += chunk.length
    if (bytes <= maxBytes) chunks.push(chunk)
    else chunks.length = 0
    if (bytes > maxBytes + MAX_DISCARDED_BYTES) break
  }
  if (bytes > maxBytes) throw tooLarge(maxBytes)
  return Buffer.concat(chunks)
}

function tooLarge(maxBytes: number): RestError {
  return new RestError(413, `ERR max request size exceeded. Limit: ${maxBytes} bytes`)
}
