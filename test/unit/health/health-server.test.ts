import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { Registry } from "prom-client"
import { afterEach, describe, expect, it } from "vitest"
import { createMetrics } from "../../../src/classifier/health/metrics.ts"
import { type HealthServer, startHealthServer } from "../../../src/health/health-server.ts"
import { createLog } from "../../../src/lib/log.ts"

const lines: string[] = []
const log = createLog({ server: "test", script: "classifier", write: (line) => void lines.push(line) })
const sockets: Socket[] = []
let server: HealthServer | undefined
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await server?.close()
})

function start(change: { metrics?: () => never } = {}) {
  const registry = new Registry()
  createMetrics(registry, { lanes: change.metrics ?? (() => 1), free: () => 1, active: () => 0 })
  return startHealthServer({
    ...{ host: "127.0.0.1", port: 0, allowedHosts: [], findProblem: async () => null, registry, log },
  })
}

async function open(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1")
  sockets.push(socket)
  socket.on("error", () => undefined) // the server may end it
  await once(socket, "connect")
  return socket
}

/** The status of a request whose target no HTTP client would send. */
async function statusOf(url: string, target: string): Promise<number> {
  const socket = await open(url)
  socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  const [answer] = (await once(socket, "data")) as [Buffer]
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer.toString("latin1"))?.[1])
}

describe("the health server", () => {
  it.each(["//", "http://[", "/%", "*"])("answers 404 to a target like %s, and goes on", async (target) => {
    server = await start()
    expect(await statusOf(server.url, target)).toBe(404)
    expect(await statusOf(server.url, "/healthz?now=1")).toBe(200)
  })

  it("answers 500 where a metric fails, logs it, and goes on", async () => {
    server = await start({
      metrics: () => {
        throw new Error("no lanes")
      },
    })
    expect(await statusOf(server.url, "/metrics")).toBe(500)
    expect(lines.some((line) => line.includes("health.failed") && line.includes("no lanes"))).toBe(true)
    expect(await statusOf(server.url, "/healthz")).toBe(200)
  })

  it("answers a probe beside as many idle connections as it keeps", async () => {
    server = await start()
    const { url } = server
    await Promise.all(Array.from({ length: 150 }, () => open(url)))
    expect(await statusOf(url, "/readyz")).toBe(200)
  })
})
