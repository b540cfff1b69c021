import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Random } from "./random.ts"

/** What was told of the end of a ticket or a batch. */
export type Told = { eventId: string; status: string; finishedAt: string | undefined; accepted: number; body: string }
type Body = { type: string; data: { id: string; status: string; finished_at?: string } }

/** So many events are refused when they come first. */
const REFUSED = 0.05

/** Receives the webhooks of a run, and keeps what each ticket's said. */
export class WebhookReceiver {
  /** By ticket, the events of its end. */
  readonly ends = new Map<string, Told[]>()
  /** The same event with another body. */
  readonly changed: string[] = []
  progress = 0
  refused = 0
  readonly #random: Random
  readonly #server = createServer((request, response) => void this.#receive(request, response))

  constructor(random: Random) {
    this.#random = random
  }

  async start(): Promise<void> {
    this.#server.listen(0, "127.0.0.1")
    await once(this.#server, "listening")
  }

  /** For ALLOW_ADDRESSES. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get url(): string {
    return `http://${this.address}/told`
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, "close")
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (!request.complete) return void response.destroy()
    const text = Buffer.concat(chunks).toString()
    response.writeHead(this.#take(String(request.headers["webhook-id"]), text) ? 204 : 503).end()
  }

  /** Whether it is accepted. */
  #take(eventId: string, body: string): boolean {
    const { type, data } = JSON.parse(body) as Body
    if (type === "batch.progress") {
      this.progress += 1
      return true
    }
    const events = this.ends.get(data.id) ?? []
    this.ends.set(data.id, events)
    let told = events.find((event) => event.eventId === eventId)
    const isFirst = told === undefined
    if (told === undefined) {
      told = { eventId, status: data.status, finishedAt: data.finished_at, accepted: 0, body }
      events.push(told)
    } else if (told.body !== body) this.changed.push(`${eventId}: ${told.body} → ${body}`)
    if (isFirst && this.#random() < REFUSED) {
      this.refused += 1
      return false
    }
    told.accepted += 1
    return true
  }
}
