import { createServer } from "node:net"
import { CliError } from "../../cli-error.ts"

/** `fixed`: the user chose this port, so no other one is used. */
export type PortWish = { name: string; port: number; fixed: boolean }
export type ChosenPort = { port: number; moved: boolean }

const MAX_TRIES = 200

/** The wished port, or the next free one above it. Throws when a fixed port is taken, or when none is free. */
export async function choosePort(
  wish: PortWish,
  isFree: (port: number) => Promise<boolean>,
  alreadyChosen: ReadonlySet<number> = new Set(),
): Promise<ChosenPort> {
  for (let port = wish.port; port < Math.min(wish.port + MAX_TRIES, 65_536); port++) {
    if (!alreadyChosen.has(port) && (await isFree(port))) return { port, moved: port !== wish.port }
    if (wish.fixed) {
      throw new CliError(
        `Cannot listen on ${wish.name}=${port}: another program has that port. Stop it or choose another.`,
      )
    }
  }
  throw new CliError(`Cannot find a free port for ${wish.name} from ${wish.port} upwards`)
}

/** Free on both loopbacks: `localhost` may mean either, and half an address would send clients to the other program. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await canListen(port, "127.0.0.1")) && (await canListen(port, "::1"))
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    // A machine without IPv6 has no ::1 that anybody could hold.
    server.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT"),
    )
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
