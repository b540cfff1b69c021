import { RestError } from "./rest-error.ts"

/** How much beyond the limit is read and thrown away, so that a client gets to see the 413 it earned. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024

/** The request's body, empty where there is none. Throws RestError 413 above `maxBytes`. */
export async function readBody(request: Request, maxBytes: number): Promise<Buffer> {
  if (request.method === "GET" || request.method === "HEAD") return Buffer.alloc(0)
  const declared = request.headers.get("content-length")
  if (declared === null) return readStream(request.body, maxBytes)
  if (Number(declared) > maxBytes) throw tooLarge(maxBytes)
  return Buffer.from(await request.arrayBuffer())
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
