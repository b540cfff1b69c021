import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Webhook } from "standardwebhooks"
import { newWebhookSecret } from "../../../src/lib/webhooks/webhook-secret.ts"

export const SECRET = newWebhookSecret()

export type Received = { atMs: number; id: string; headers: Record<string, string>; text: string; body: WebhookBody }
export type WebhookBody = {
  type: string
  timestamp: string
  data: { id: string; status: string } & Record<string, unknown>
}

/** What a receiver does with its n-th request, counted from 0. */
export type Behaviour = (response: ServerResponse, n: number, received: Received) => unknown

export const answers =
  (...statuses: number[]): Behaviour =>
  (response, n) =>
    response.writeHead(statuses[Math.min(n, statuses.length - 1)] ?? 204).end("some words that nobody reads")

export type WebhookReceiver = {
  url: string
  origin: string
  port: number
  received: Received[]
  behave(behaviour: Behaviour): void
  /** Its port answers nobody. */
  goDown(): Promise<void>
  comeBack(): Promise<void>
  close(): Promise<void>
}

/** A receiver on a port of its own. It believes nothing that the `standardwebhooks` package does not verify. */
export async function startReceiver(behaviour: Behaviour = answers(204)): Promise<WebhookReceiver> {
  const received: Received[] = []
  const forged: string[] = []
  let behave = behaviour
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const headers = request.headers as Record<string, string>
    try {
      const body = new Webhook(SECRET).verify(text, headers) as WebhookBody
      const one = { atMs: Date.now(), id: headers["webhook-id"] ?? "", headers, text, body }
      behave(response, received.push(one) - 1, one)
    } catch (error) {
      forged.push(String(error))
      response.writeHead(401).end()
    }
  }
  const server = createServer((request, response) => void handle(request, response))
  const listen = async (port: number) => {
    server.listen(port, "127.0.0.1")
    await once(server, "listening")
  }
  const goDown = async () => {
    if (!server.listening) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  return {
    url: `${origin}/hook?token=hidden`,
    origin,
    port,
    received,
    behave: (next) => {
      behave = next
    },
    goDown,
    comeBack: () => listen(port),
    async close() {
      await goDown()
      if (forged.length > 0) throw new Error(`The receiver could not verify: ${forged.join("; ")}`)
    },
  }
}
