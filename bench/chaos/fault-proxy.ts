import { once } from "node:events"
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import type { Trouble } from "./plan.ts"
import { between, type Random } from "./random.ts"

type Reply = { status: number; headers: IncomingMessage["headers"]; body: Buffer }

const KEEP_ALIVE_MS = 75_000
/** The product waits 1.5 s for a command. */
const LATE_MS = [1_600, 4_000] as const

/** Stands between one side of the stack and the gateway, and loses what it is told to lose. */
export class FaultProxy {
  readonly lost: Record<Trouble, number> = { request: 0, reply: 0, midway: 0, late: 0 }
  /** How much of that was on connections by TCP. */
  lostByTcp = 0
  silencedStreams = 0
  /** Messages of event streams that never came. */
  droppedMessages = 0
  /** While it is so, event streams carry their pings and no messages. */
  isDroppingMessages = false
  timeByMs = 0
  /** Requests that are held back now. */
  held = 0
  readonly #server: Server
  readonly #target: { host: string; port: number; agent: Agent }
  readonly #random: Random
  readonly streams = new Set<{ isSilent: boolean }>()
  #trouble: { how: Trouble; share: number } | null = null

  static async start(targetPort: number, random: Random): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort, random)
    proxy.#server.listen(0, "127.0.0.1")
    await once(proxy.#server, "listening")
    return proxy
  }

  private constructor(targetPort: number, random: Random) {
    this.#target = { host: "127.0.0.1", port: targetPort, agent: new Agent({ keepAlive: true }) }
    this.#random = random
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (incoming, outgoing) => {
      // Whatever breaks on one side breaks on the other, as it would on one wire.
      this.#serve(incoming, outgoing).catch(() => outgoing.destroy())
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** From now on, that share of all requests meets trouble; null ends it. */
  setTrouble(trouble: { how: Trouble; share: number } | null): void {
    this.#trouble = trouble
  }

  /** Event streams that are open now say nothing any more, and are not closed either. */
  silenceStreams(): void {
    for (const stream of this.streams) stream.isSilent = true
    this.silencedStreams += this.streams.size
  }

  /** The time that Redis gives is off by so much more. */
  stepTime(byMs: number): void {
    this.timeByMs += byMs
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    this.#target.agent.destroy()
    await once(this.#server, "close")
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await readAll(incoming)
    const trouble = this.drawTrouble()
    if (trouble === "request") return void outgoing.destroy()
    if (trouble === "late") await this.holdBack()

    const response = await this.#forward(incoming, body)
    if (response.headers["content-type"]?.startsWith("text/event-stream")) return this.#stream(response, outgoing)
    const reply = { status: response.statusCode ?? 502, headers: response.headers, body: await readAll(response) }
    if (this.timeByMs !== 0 && /^\["time"\]$/i.test(body.toString())) reply.body = shiftTime(reply.body, this.timeByMs)
    // Only now: the gateway has answered, so whatever was asked for has been done.
    if (trouble === "reply") return void outgoing.destroy()
    answer(outgoing, reply, trouble === "midway")
  }

  /** What happens to the next request, which counts. */
  drawTrouble(): Trouble | null {
    if (this.#trouble === null || this.#random() >= this.#trouble.share) return null
    this.lost[this.#trouble.how] += 1
    return this.#trouble.how
  }

  async holdBack(): Promise<void> {
    this.held += 1
    await delay(between(this.#random, ...LATE_MS), undefined, { ref: false })
    this.held -= 1
  }

  #forward({ method, url, headers }: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const { connection: _connection, "transfer-encoding": _encoding, ...rest } = headers
    const options = { ...this.#target, method, path: url, headers: { ...rest, "content-length": body.length } }
    return new Promise((resolve, reject) => {
      request(options, resolve).once("error", reject).end(body)
    })
  }

  #stream(response: IncomingMessage, outgoing: ServerResponse): void {
    const stream = { isSilent: false }
    this.streams.add(stream)
    outgoing.writeHead(response.statusCode ?? 502, { "content-type": response.headers["content-type"] })
    outgoing.flushHeaders()
    response.on("data", (chunk: Buffer) => {
      const isMessage = chunk.includes("message,")
      if (this.isDroppingMessages && isMessage) this.droppedMessages += 1
      else if (!stream.isSilent) outgoing.write(chunk)
    })
    const end = () => !stream.isSilent && outgoing.destroy()
    response.once("end", end).once("error", end).once("close", end)
    outgoing.once("close", () => {
      this.streams.delete(stream)
      response.destroy()
    })
  }
}

/** The reply to TIME, of a Redis whose clock is off by so much. */
function shiftTime(reply: Buffer, byMs: number): Buffer {
  const { result } = JSON.parse(reply.toString()) as { result?: [seconds: string, micros: string] }
  if (result === undefined) return reply
  return Buffer.from(JSON.stringify({ result: [String(Number(result[0]) + Math.round(byMs / 1_000)), result[1]] }))
}

function answer(outgoing: ServerResponse, { status, headers, body }: Reply, cutMidway: boolean): void {
  const { connection: _connection, "keep-alive": _keepAlive, "transfer-encoding": _encoding, ...rest } = headers
  outgoing.writeHead(status, { ...rest, "content-length": body.length })
  if (!cutMidway) return void outgoing.end(body)
  outgoing.write(body.subarray(0, body.length >> 1), () => outgoing.destroy())
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  // A sender that is cut off ends the iteration as if it had finished.
  if (!stream.complete) throw new Error("The connection was cut")
  return Buffer.concat(chunks)
}
