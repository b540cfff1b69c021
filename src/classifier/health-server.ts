import { createServer, type IncomingMessage, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { isAllowedHost } from "../lib/allowed-hosts.ts"
import type { Metrics } from "./metrics.ts"

export type HealthServer = { url: string; close(): Promise<void> }

export type HealthOptions = {
  host: string
  port: number
  /** Names under which it may be called. Nobody is asked for a key. */
  allowedHosts: readonly string[]
  metrics: Metrics
  /** Why no work can be done now, or null. */
  problem: () => string | null
  /** Which models are served, loaded, and broken. */
  models: () => object
}

/** Probes and a scraper or two. */
const MAX_CONNECTIONS = 100
const REQUEST_TIMEOUT_MS = 10_000

/** `/healthz` (the process is alive), `/readyz` (it can work), `/models`, `/metrics` (Prometheus), on a port of their own. */
export async function startHealthServer({
  host,
  port,
  allowedHosts,
  metrics,
  problem,
  models,
}: HealthOptions): Promise<HealthServer> {
  const timeouts = { headersTimeout: REQUEST_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS }
  const server = createServer(timeouts, async (request, response) => {
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
    }
    if (!isAllowedHost(hostnameOf(request), allowedHosts))
      return answer(421, { error: "Neither HEALTH_HOST nor ALLOWED_HOSTS has the name that this was sent to" })
    switch (new URL(request.url ?? "/", "http://localhost").pathname) {
      case "/healthz":
        return answer(200, { status: "ok" })
      case "/readyz": {
        const reason = problem()
        return reason === null ? answer(200, { status: "ready" }) : answer(503, { status: "not ready", reason })
      }
      case "/models":
        return answer(200, models())
      case "/metrics":
        response.writeHead(200, { "content-type": metrics.registry.contentType }).end(await metrics.registry.metrics())
        return
      default:
        answer(404, { error: "There are /healthz, /readyz, /models and /metrics here" })
    }
  })
  server.maxConnections = MAX_CONNECTIONS
  await listen(server, host, port)
  const address = server.address() as AddressInfo
  return {
    url: `http://${host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** "" for none, and for what is no name. */
function hostnameOf({ headers }: IncomingMessage): string {
  const address = `http://${headers.host ?? ""}`
  return URL.canParse(address) ? new URL(address).hostname : ""
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, host, () => {
      server.off("error", reject)
      resolve()
    })
  })
}
