import type { Server } from "node:http"
import { hostname as machineName } from "node:os"
import { serve } from "@hono/node-server"
import { getConnInfo } from "@hono/node-server/conninfo"
import { ConfigError } from "../lib/env.ts"
import { flushOften } from "../lib/trace/flush-often.ts"
import { createApp } from "./app.ts"
import { createNodeHealth } from "./node-health.ts"
import { trustProxies } from "./node-proxies.ts"
import { createServices } from "./services.ts"

/** A request's headers have so long to come; its body has BODY_TIMEOUT_MS, and a little more to be answered first. */
const HEADERS_TIMEOUT_MS = 20_000
const BODY_MARGIN_MS = 10_000

/** The edge on Node: `node dist/edge/node.js`, with PORT, HOST, MAX_CONNECTIONS, SHUTDOWN_DELAY_MS and TRUSTED_PROXIES. */
function main(): void {
  const write = (line: string) => process.stdout.write(`${line}\n`)
  // The reader of the log may exit first; the work continues.
  process.stdout.on("error", () => undefined)
  const services = createServices(process.env, { server: machineName(), write })
  const port = Number(process.env.PORT || 8787)
  if (!(Number.isInteger(port) && port >= 0 && port < 2 ** 16))
    throw new ConfigError("Cannot start: PORT must be a port from 0 to 65535")
  const maxConnections = Number(process.env.MAX_CONNECTIONS || 2_000)
  if (!(Number.isInteger(maxConnections) && maxConnections > 0))
    throw new ConfigError("Cannot start: MAX_CONNECTIONS must be a whole number of at least 1")
  const shutdownDelayMs = Number(process.env.SHUTDOWN_DELAY_MS || 2_000)
  if (!(Number.isInteger(shutdownDelayMs) && shutdownDelayMs >= 0))
    throw new ConfigError("Cannot start: SHUTDOWN_DELAY_MS must be a whole number")
  const findClient = trustProxies(process.env.TRUSTED_PROXIES)
  const host = process.env.HOST || "127.0.0.1"
  // HEALTH_HOST, HEALTH_PORT
  const health = createNodeHealth(services, process.env)
  const app = createApp(services, {
    observe: health.observe,
    ownHosts: [host.toLowerCase()],
    clientAddress: (c) => findClient(getConnInfo(c).remote.address ?? "unknown", c.req.header("x-forwarded-for")),
  })
  const serverOptions = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    connectionsCheckingInterval: 5_000,
    requestTimeout: HEADERS_TIMEOUT_MS + services.config.BODY_TIMEOUT_MS + BODY_MARGIN_MS,
  }
  const server = serve({ fetch: app.fetch, port, hostname: host, serverOptions }, ({ address, port }) =>
    services.log.info("edge.ready", { url: `http://${address}:${port}` }),
  ) as Server
  server.maxConnections = maxConnections
  server.on("error", (error) => {
    services.log.error("edge.failed", { error })
    process.exit(1)
  })
  health.listen().catch((error: unknown) => {
    services.log.error("edge.failed", { error, variable: "HEALTH_PORT" })
    process.exit(1)
  })
  const shutdown = new AbortController()
  const flushing = flushOften(services.tracer, shutdown.signal)
  const close = () => {
    server.close(() => {
      shutdown.abort()
      void flushing.then(() => process.exit(0))
    })
    // A connection that falls idle from now on would stay open for its keep-alive.
    setInterval(() => server.closeIdleConnections(), 20)
  }
  const stop = () => {
    services.isShuttingDown = true
    services.log.info("edge.shutting_down", { delayMs: shutdownDelayMs })
    // Load balancers need time to see that /readyz fails.
    setTimeout(close, shutdownDelayMs)
  }
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, stop)
}

try {
  main()
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(2)
}
