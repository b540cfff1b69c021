import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import type { FaultProxy } from "./fault-proxy.ts"
import type { Trouble } from "./plan.ts"
import { pieceEnd, stringsOf } from "./resp.ts"

/** Greets, or listens: what is lost of that is the business of other faults. */
const SPARED = new Set(["AUTH", "HELLO", "SELECT", "CLIENT", "PING", "SUBSCRIBE"])

type Asked = { trouble: Trouble | null; isTime: boolean }

/** Stands between a classifier and Redis by TCP, and loses what the proxy of its side is told to lose, command by command. */
export class TcpFaultProxy {
  readonly #server: Server
  readonly #port: number
  readonly #side: FaultProxy
  readonly #sockets = new Set<Socket>()

  static async start(redisPort: number, side: FaultProxy): Promise<TcpFaultProxy> {
    const proxy = new TcpFaultProxy(redisPort, side)
    proxy.#server.listen(0, "127.0.0.1")
    await once(proxy.#server, "listening")
    return proxy
  }

  private constructor(redisPort: number, side: FaultProxy) {
    this.#port = redisPort
    this.#side = side
    this.#server = createServer((inside) => this.#serve(inside))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    if (this.#server.listening) await once(this.#server, "close")
  }

  #serve(inside: Socket): void {
    const redis = connect(this.#port, "127.0.0.1")
    const asked: Asked[] = []
    const stream = { isSilent: false }
    let isListening = false
    let sent: Promise<void> = Promise.resolve()

    onPieces(inside, (command) => {
      const name = stringsOf(command)[0]?.toUpperCase() ?? ""
      const trouble = SPARED.has(name) ? null : this.#side.drawTrouble()
      if (trouble !== null) this.#side.lostByTcp += 1
      if (name === "SUBSCRIBE") {
        isListening = true
        this.#side.streams.add(stream)
      }
      // In their order: what is held back holds up what was sent after it.
      sent = sent.then(async () => {
        if (trouble === "request") inside.destroy()
        if (trouble === "late") await this.#side.holdBack()
        if (inside.destroyed && trouble !== "late") return
        asked.push({ trouble, isTime: name === "TIME" })
        redis.write(command)
      })
    })

    onPieces(redis, (reply) => {
      if (isListening) return this.#publish(reply, inside, stream)
      const { trouble, isTime } = asked.shift() ?? { trouble: null, isTime: false }
      // Only now: Redis has answered, so whatever was asked for has been done.
      if (trouble === "reply") return void inside.destroy()
      if (trouble === "midway") return void inside.write(reply.subarray(0, reply.length >> 1), () => inside.destroy())
      inside.write(isTime ? this.#shiftTime(reply) : reply)
    })

    for (const socket of [inside, redis]) {
      this.#sockets.add(socket)
      socket.on("error", () => socket.destroy())
      socket.on("close", () => this.#sockets.delete(socket))
    }
    redis.on("close", () => stream.isSilent || inside.destroy())
    inside.on("close", () => {
      this.#side.streams.delete(stream)
      // What was held back is done although nobody waits for it.
      void sent.then(() => redis.end())
    })
  }

  #publish(push: Buffer, inside: Socket, stream: { isSilent: boolean }): void {
    if (this.#side.isDroppingMessages && push.includes("message")) this.#side.droppedMessages += 1
    else if (!stream.isSilent) inside.write(push)
  }

  #shiftTime(reply: Buffer): Buffer {
    const [seconds = "", micros = ""] = stringsOf(reply)
    if (this.#side.timeByMs === 0 || micros === "") return reply
    const shifted = [String(Number(seconds) + Math.round(this.#side.timeByMs / 1_000)), micros]
    return Buffer.from(`*2\r\n${shifted.map((text) => `$${text.length}\r\n${text}\r\n`).join("")}`)
  }
}

/** Calls back with each whole piece of what a socket sends. */
function onPieces(socket: Socket, onPiece: (piece: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let end = pieceEnd(rest); end !== null; end = pieceEnd(rest)) {
      const piece = rest.subarray(0, end)
      rest = rest.subarray(end)
      onPiece(piece)
    }
  })
}
