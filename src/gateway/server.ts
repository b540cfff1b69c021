import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { getRequestListener } from "@hono/node-server"
import type { createGateway } from "./app.ts"

type GatewayApp = ReturnType<typeof createGateway>

export type GatewayServer = { url: string; port: number; close(): Promise<void> }

/** Longer than clients keep idle connections, so the server never closes one that a client is about to use. */
const KEEP_ALIVE_MS = 75_000
/** Time limit for receiving a request body; its bytes count against the shared limit meanwhile. */
const REQUEST_TIMEOUT_MS = 60_000
const HEADERS_TIMEOUT_MS = 20_000
const MAX_CONNECTIONS = 4_000
/** How long requests that are being answered have when the server closes. */
const DRAIN_MS = 1000

/** Listens. Rejects when it cannot, with the system's code (EADDRINUSE). Event streams are ended by closing the Redis link. */
export async function listenGateway(
  app: GatewayApp,
  { host, port }: { host: string; port: number },
): Promise<GatewayServer> {
  const listener = getRequestListener(app.fetch, { errorHandler: () => badRequest() })
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 5_000,
    },
    listener,
  )
  server.maxConnections = MAX_CONNECTIONS
  server.listen(port, host)
  await once(server, "listening")
  const { port: bound } = server.address() as AddressInfo

  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    port: bound,
    async close() {
      const closed = once(server, "close")
      server.close()
      server.closeIdleConnections()
      // A connection that falls idle from now on, after its stream has ended for one, would stay open for its keep-alive.
      const sweep = setInterval(() => server.closeIdleConnections(), 20)
      const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
      await closed
      clearInterval(sweep)
      clearTimeout(force)
    },
  }
}

/** Reached only for a request that is no request, such as one with a malformed Host. */
function badRequest(): Response {
  return new Response('{"error":"ERR bad request"}', { status: 400, headers: { "content-type": "application/json" } })
}
