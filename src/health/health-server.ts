import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import type { Registry } from "prom-client"
import { hostnameOf, isAllowedHost } from "../lib/allowed-hosts.ts"
import type { Log } from "../lib/log.ts"
import type { FindProblem } from "./create-registry.ts"

export type HealthServer = { url: string; close(): Promise<void> }

export type HealthOptions = {
  host: string
  port: number
  /** Names under which it may be called, without a key. */
  allowedHosts: readonly string[]
  registry: Registry
  findProblem: FindProblem
  /** Which models are served, loaded, and broken; where there are none, there is no /models. */
  models?: () => object
  log: Log
}

/** Probes and a scraper or two. */
const MAX_CONNECTIONS = 100
const REQUEST_TIMEOUT_MS = 10_000

/** `/healthz` (the process is alive), `/readyz` (it can work), `/metrics` (Prometheus) and `/models`, on a port of their own. */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  const { host, port, log } = options
  const timeouts = {
    headersTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: REQUEST_TIMEOUT_MS / 2,
  }
  const server = createServer(timeouts, (request, response) => {
    // What is thrown here would end the process.
    answer(request, response, options).catch((error: unknown) => {
      log.error("health.failed", { error })
      if (response.headersSent) response.destroy()
      else answerJson(response, 500, { error: "Something broke on our side; it was logged" })
    })
  })
  boundConnections(server)
  await listen(server, host, port)
  const url = `http://${host}:${(server.address() as AddressInfo).port}`
  log.info("health.listening", { url })
  return {
    url,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { allowedHosts, registry, findProblem, models }: HealthOptions,
): Promise<void> {
  if (!isAllowedHost(hostnameOf(`http://${request.headers.host ?? ""}`), allowedHosts)) {
    const error = "Neither HEALTH_HOST nor ALLOWED_HOSTS has the name that this was sent to"
    return answerJson(response, 421, { error })
  }
  // Not by URL: a target like "//" is none.
  switch (request.url?.split("?")[0]) {
    case "/healthz":
      return answerJson(response, 200, { status: "ok" })
    case "/readyz": {
      const found = await findProblem()
      if (found === null) return answerJson(response, 200, { status: "ready" })
      return answerJson(response, 503, { status: "not ready", code: found.code, reason: found.message })
    }
    case "/models":
      if (models === undefined) break
      return answerJson(response, 200, models())
    case "/metrics": {
      const text = await registry.metrics()
      response.writeHead(200, { "content-type": registry.contentType }).end(text)
      return
    }
  }
  const paths = ["/healthz", "/readyz", "/metrics", ...(models === undefined ? [] : ["/models"])]
  return answerJson(response, 404, { error: `There are ${paths.join(", ")} here` })
}

function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
}

/** The oldest connection makes room for a new one: idle ones must not keep a probe out. */
function boundConnections(server: Server): void {
  const open = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    open.add(socket)
    socket.once("close", () => open.delete(socket))
    const [oldest] = open
    if (open.size > MAX_CONNECTIONS) oldest?.destroy()
  })
}

/** "" for none, and for what is no name. */
function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, host, () => {
      server.off("error", reject)
      resolve()
    })
  })
}
