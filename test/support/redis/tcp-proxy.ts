import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

export type TcpProxy = {
  port: number
  /** How many connections were ever accepted. */
  accepted(): number
  open(): number
  /** From now on connections lead there. */
  target: number
  /** Called for every piece that a client sends. */
  onData: () => void
  /** Breaks every connection; later ones are served. */
  cut(): void
  /** On connections that are open now nothing passes any more, in either direction. */
  stall(): void
  resume(): void
  close(): Promise<void>
}

/** Stands between a client and a server on this machine. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let accepted = 0
  const server = createServer((inside) => {
    accepted++
    const outside = connect(proxy.target, "127.0.0.1")
    const pair = [inside, outside] as const
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      for (const socket of pair) socket.destroy()
    }
    for (const socket of pair) socket.on("error", end).on("close", end)
    inside.on("data", () => proxy.onData())
    inside.pipe(outside).pipe(inside)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    accepted: () => accepted,
    open: () => pairs.size,
    target,
    onData: () => undefined,
    cut() {
      for (const [inside] of pairs) inside.destroy()
    },
    stall() {
      for (const socket of [...pairs].flat()) socket.pause()
    },
    resume() {
      for (const socket of [...pairs].flat()) socket.resume()
    },
    async close() {
      server.close()
      proxy.cut()
      if (pairs.size > 0 || server.listening) await once(server, "close")
    },
  }
  return proxy
}
