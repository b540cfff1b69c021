import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as delay } from "node:timers/promises"

export type Behaviour = "picture" | "missing" | "reset" | "silent"
export type PictureServerOptions = {
  /** What is handed out, one after the other by the number in the path. */
  pictures: readonly Uint8Array[]
  latencyMs: number
  behaviourOf?: (number: number) => Behaviour
}
export type PictureServer = {
  /** "127.0.0.1:port", for ALLOW_ADDRESSES. */
  address: string
  urlOf(number: number): string
  /** How often each number was asked for. */
  asked: ReadonlyMap<number, number>
  close(): Promise<void>
}

/** In a hundred, two are missing and one breaks off; one in 500 is never answered. */
export function troubled(number: number): Behaviour {
  if (number % 500 === 499) return "silent"
  if (number % 50 === 7) return "missing"
  return number % 100 === 13 ? "reset" : "picture"
}

/** A host of pictures as the network has them: late, missing, broken off in the middle, silent. */
export async function startPictureServer({
  pictures,
  latencyMs,
  behaviourOf = () => "picture",
}: PictureServerOptions): Promise<PictureServer> {
  const asked = new Map<number, number>()
  const server = createServer((request, response) => {
    const number = Number(/^\/(\d+)\.jpg$/.exec(request.url ?? "")?.[1] ?? Number.NaN)
    asked.set(number, (asked.get(number) ?? 0) + 1)
    void delay(latencyMs).then(() => answer(response, behaviourOf(number), pictures[number % pictures.length]))
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    address,
    asked,
    urlOf: (number) => `http://${address}/${number}.jpg`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

function answer(response: ServerResponse, behaviour: Behaviour, picture: Uint8Array | undefined): void {
  switch (behaviour) {
    case "picture":
      response.writeHead(200, { "content-type": "image/jpeg", "content-length": picture?.length ?? 0 }).end(picture)
      break
    case "missing":
      response.writeHead(404).end("not here")
      break
    case "reset":
      response.writeHead(200, { "content-type": "image/jpeg", "content-length": 100_000 })
      response.write(picture?.subarray(0, 100) ?? "", () => response.socket?.resetAndDestroy())
      break
    case "silent":
      break
    default:
      behaviour satisfies never
  }
}
