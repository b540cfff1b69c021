import { hostname } from "node:os"
import { serve } from "@hono/node-server"
import { getConnInfo } from "@hono/node-server/conninfo"
import { ConfigError } from "../lib/env.ts"
import { flushOften } from "../lib/trace/flush-often.ts"
import { createApp } from "./app.ts"
import { trustProxies } from "./node-proxies.ts"
import { createServices } from "./services.ts"

/** The edge on Node: `node dist/edge/node.js`, with PORT, HOST and TRUSTED_PROXIES. */
function main(): void {
  const write = (line: string) => process.stdout.write(`${line}\n`)
  // Who reads our log may go before we do; the work goes on.
  process.stdout.on("error", () => undefined)
  const services = createServices(process.env, { server: hostname(), write })
  const port = Number(process.env.PORT || 8787)
  if (!(Number.isInteger(port) && port >= 0 && port < 2 ** 16))
    throw new ConfigError("Cannot start: PORT must be a port from 0 to 65535")
  const findClient = trustProxies(process.env.TRUSTED_PROXIES)
  const app = createApp(services, {
    clientAddress: (c) => findClient(getConnInfo(c).remote.address ?? "unknown", c.req.header("x-forwarded-for")),
  })
  const server = serve({ fetch: app.fetch, port, hostname: process.env.HOST || "127.0.0.1" }, ({ address, port }) =>
    services.log.info("edge.ready", { url: `http://${address}:${port}` }),
  )
  server.on("error", (error) => {
    services.log.error("edge.failed", { error })
    process.exit(1)
  })
  const leave = new AbortController()
  const flushing = flushOften(services.tracer, leave.signal)
  const stop = () => {
    server.close(() => {
      leave.abort()
      void flushing.then(() => process.exit(0))
    })
    // A connection that falls idle from now on would stay open for its keep-alive.
    setInterval(() => "closeIdleConnections" in server && server.closeIdleConnections(), 20)
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
