import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import type { Random } from "../../chaos/random.ts"

/** `request`: cut before the store sees it. `reply`: done by the store, nobody told. `mute`: likewise, and the connection stays. */
export type RawTrouble = "request" | "reply" | "mute"

/** Stands between processes and their store, whatever they speak, and breaks connections as it is told. */
export class RawProxy {
  readonly lost: Record<RawTrouble, number> = { request: 0, reply: 0, mute: 0 }
  readonly #server: Server
  readonly #target: number
  readonly #random: Random
  readonly #sockets = new Set<Socket>()
  #trouble: { how: RawTrouble; share: number } | null = null

  static async start(target: number, random: Random): Promise<RawProxy> {
    const proxy = new RawProxy(target, random)
    proxy.#server.listen(0, "127.0.0.1")
    await once(proxy.#server, "listening")
    return proxy
  }

  private constructor(target: number, random: Random) {
    this.#target = target
    this.#random = random
    this.#server = createServer((inside) => this.#serve(inside))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** From now on, that share of what is sent meets trouble; null ends it. */
  setTrouble(trouble: { how: RawTrouble; share: number } | null): void {
    this.#trouble = trouble
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, "close")
  }

  #serve(inside: Socket): void {
    const outside = connect(this.#target, "127.0.0.1")
    let losesReply = false
    const end = () => {
      for (const socket of [inside, outside]) {
        this.#sockets.delete(socket)
        socket.destroy()
      }
    }
    for (const socket of [inside, outside]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true).on("error", end).on("close", end)
    }
    inside.on("data", (chunk) => {
      const how = this.#trouble !== null && this.#random() < this.#trouble.share ? this.#trouble.how : null
      if (how === "request") {
        this.lost.request += 1
        return end()
      }
      losesReply ||= how === "reply"
      outside.write(chunk)
    })
    outside.on("data", (chunk) => {
      if (this.#trouble?.how === "mute") {
        this.lost.mute += 1
        return
      }
      if (!losesReply) return void inside.write(chunk)
      this.lost.reply += 1
      end()
    })
  }
}
