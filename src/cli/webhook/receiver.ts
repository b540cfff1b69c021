import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { CliError } from "../cli-error.ts"
import { type Verdict, verifyEvent } from "./verify-event.ts"

/** Events are below 20 kB; anything larger is not one. */
const MAX_BYTES = 64_000
const HOST = "127.0.0.1"

export type Received = {
  atMs: number
  verdict: Verdict | { verified: false; status: 405 | 413; reason: string }
  answered: number
}

export type ReceiverOptions = {
  port: number
  secrets: readonly string[]
  /** Number of events to answer with 500 first. */
  failures: number
  onReceived: (received: Received) => void
  now?: () => number
}

/** A receiver for the loopback alone. @throws CliError when the port is taken */
export async function startReceiver({ port, ...options }: ReceiverOptions): Promise<Server> {
  const server = createServer(answerWith(options))
  await new Promise<void>((resolve, reject) => {
    server.once("listening", resolve)
    server.once("error", (error: NodeJS.ErrnoException) => reject(cannotListen(port, error)))
    server.listen(port, HOST)
  })
  return server
}

function answerWith({ secrets, failures, onReceived, now = Date.now }: Omit<ReceiverOptions, "port">) {
  let left = failures
  return async (request: IncomingMessage, response: ServerResponse) => {
    let body: Buffer | null
    try {
      body = await readBody(request)
    } catch {
      // The sender disconnected and will retry.
      return void response.destroy()
    }
    const verdict = judge(request, body, secrets)
    const answered = !verdict.verified ? verdict.status : left-- > 0 ? 500 : 204
    onReceived({ atMs: now(), verdict, answered })
    // What is left of a body that is too large is not read: the connection cannot be used again.
    if (body === null) response.setHeader("connection", "close")
    response.writeHead(answered).end()
  }
}

function judge(
  { method, headers }: IncomingMessage,
  body: Buffer | null,
  secrets: readonly string[],
): Received["verdict"] {
  if (method !== "POST") return { verified: false, status: 405, reason: `it was a ${method}, and a webhook is a POST` }
  if (body === null) return { verified: false, status: 413, reason: `it has more than ${MAX_BYTES / 1_000} kB` }
  return verifyEvent(body, headers, secrets)
}

/** The body as it came; null when it is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  if (Number(request.headers["content-length"] ?? 0) > MAX_BYTES) return null
  const chunks: Buffer[] = []
  let bytes = 0
  // Breaking off must leave the socket open: it still has to carry the answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength
    if (bytes > MAX_BYTES) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function cannotListen(port: number, error: NodeJS.ErrnoException): CliError {
  const why = error.code === "EADDRINUSE" ? "another program has that port. Choose another with --port" : error.message
  return new CliError(`Cannot listen on ${HOST}:${port}: ${why}`, { code: "cannot_listen", cause: error })
}
