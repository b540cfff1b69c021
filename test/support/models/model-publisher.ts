import { createHash } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export type Trick = (request: IncomingMessage, response: ServerResponse, file: Uint8Array) => void

export type Publisher = {
  url: string
  /** Each request as "path range". */
  requests: string[]
  /** What is done with the next requests for a path, instead of answering well. */
  tricks: Map<string, Trick[]>
  files: Map<string, Uint8Array>
  close: () => Promise<void>
}

/** A server as a storage bucket is one: files with ETags, and ranges of them; with tricks, as bad as one can be. */
export async function startPublisher(files: Record<string, Uint8Array | string>): Promise<Publisher> {
  const requests: string[] = []
  const tricks = new Map<string, Trick[]>()
  const stored = new Map(
    Object.entries(files).map(([path, content]) => [
      path,
      typeof content === "string" ? Buffer.from(content) : content,
    ]),
  )
  const server = createServer((request, response) => {
    const path = request.url ?? "/"
    requests.push(`${path} ${request.headers.range ?? "whole"}`)
    const file = stored.get(path)
    const trick = tricks.get(path)?.shift()
    if (trick) return trick(request, response, file ?? new Uint8Array())
    if (!file) return void response.writeHead(404).end("no such object")
    answerWell(request, response, file)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    tricks,
    files: stored,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export const etagOf = (file: Uint8Array) => `"${createHash("md5").update(file).digest("hex")}"`

export function answerWell(request: IncomingMessage, response: ServerResponse, file: Uint8Array): void {
  const etag = etagOf(file)
  const start = Number(request.headers.range?.match(/^bytes=(\d+)-$/)?.[1] ?? 0)
  if (start === 0 || request.headers["if-range"] !== etag) {
    response.writeHead(200, { etag, "content-length": file.byteLength }).end(file)
    return
  }
  const rest = file.subarray(start)
  const range = `bytes ${start}-${file.byteLength - 1}/${file.byteLength}`
  response.writeHead(206, { etag, "content-range": range, "content-length": rest.byteLength }).end(rest)
}

/** Sends so many bytes of what is left, and breaks off. */
export function breaksOffAfter(bytes: number): Trick {
  return (request, response, file) => {
    const start =
      request.headers["if-range"] === etagOf(file) ? Number(request.headers.range?.match(/\d+/)?.[0] ?? 0) : 0
    const rest = file.subarray(start)
    const head = { etag: etagOf(file), "content-length": rest.byteLength }
    const range = { "content-range": `bytes ${start}-${file.byteLength - 1}/${file.byteLength}` }
    response.writeHead(start > 0 ? 206 : 200, start > 0 ? { ...head, ...range } : head)
    // What was sent has to be read before: a reset throws it away.
    response.write(rest.subarray(0, bytes), () => setTimeout(() => response.destroy(), 200))
  }
}

export function answersWith(status: number, headers: Record<string, string | number> = {}, body = ""): Trick {
  return (_request, response) => void response.writeHead(status, headers).end(body)
}
