import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { createServer } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { createClient } from "@redis/client"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { gatewayPart } from "../../../src/cli/stack/parts/parts.ts"
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts"

const MAIN = fileURLToPath(new URL("../../../dist/gateway/main.js", import.meta.url))
const TOKEN = "process-token"

type Line = { event: string; url: string; code?: string; error?: { message: string } }
type Process = { child: ChildProcess; lines: Line[]; event(name: string): Promise<Line>; exit: Promise<number | null> }

let server: TestRedis
const running: ChildProcess[] = []

beforeAll(async () => {
  if (!existsSync(MAIN)) throw new Error(`Cannot find ${MAIN}: run "npm run build"`)
  server = await startRedis()
})
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL")
})
afterAll(() => server.stop())

function start(env: Record<string, string>): Process {
  const child = spawn(process.execPath, [MAIN], { env, stdio: ["ignore", "pipe", "inherit"] })
  running.push(child)
  const lines: Line[] = []
  const output = createInterface({ input: child.stdout ?? process.stdin })
  output.on("line", (text) => void lines.push(JSON.parse(text)))
  const exit = once(child, "close").then(([code]) => code)
  return {
    child,
    lines,
    exit,
    async event(name) {
      for (;;) {
        const line = lines.find(({ event }) => event === name)
        if (line !== undefined) return line
        await Promise.race([once(output, "line"), exit.then((code) => Promise.reject(new Error(`Exit ${code}`)))])
      }
    },
  }
}

function environment(more: Record<string, string> = {}): Record<string, string> {
  return { REDIS_URL: server.url, UPSTASH_REDIS_REST_TOKEN: TOKEN, GATEWAY_PORT: "0", ...more }
}

describe("the gateway's process", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("leaves with 0 on %s, open event streams or not", async (signal) => {
    const gateway = start(environment())
    const { url } = await gateway.event("gateway.ready")
    const headers = { authorization: `Bearer ${TOKEN}` }
    expect(await (await fetch(`${url}/ping`, { headers })).json()).toEqual({ result: "PONG" })
    const stream = await fetch(`${url}/subscribe/c`, { headers })
    gateway.child.kill(signal)
    expect(await gateway.exit).toBe(0)
    expect(await stream.text()).toContain("subscribe,c,1")
  })

  it("logs nothing of a client that hangs up in the middle of its upload", async () => {
    const gateway = start(environment())
    const { url } = await gateway.event("gateway.ready")
    const socket = connect(Number(new URL(url).port), "127.0.0.1")
    const head = `POST /set/k HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 1000\r\n\r\n`
    socket.write(`${head}only a part`, () => socket.destroy())
    await once(socket, "close")
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    gateway.child.kill("SIGTERM")
    expect(await gateway.exit).toBe(0)
    expect(gateway.lines.map(({ event }) => event)).toEqual(["redis.connected", "gateway.ready", "gateway.stopping"])
  })

  it("leaves with 1 when its port is taken, and says so", async () => {
    const other = createServer().listen(0, "127.0.0.1")
    await once(other, "listening")
    const gateway = start(environment({ GATEWAY_PORT: String((other.address() as AddressInfo).port) }))
    expect(await gateway.exit).toBe(1)
    expect(gateway.lines.at(-1)).toMatchObject({ event: "gateway.failed", code: "EADDRINUSE" })
    other.close()
  })

  it.each([
    ["UPSTASH_REDIS_REST_TOKEN", ""],
    ["UPSTASH_REDIS_REST_TOKEN", "se cret"],
    ["GATEWAY_PORT", "http"],
    ["GATEWAY_PORT", "70000"],
    ["REDIS_URL", "localhost:secret"],
  ])("leaves with 1 on %s=%j, naming the variable and not its value", async (name, value) => {
    const gateway = start(environment({ [name]: value }))
    expect(await gateway.exit).toBe(1)
    const line = gateway.lines.at(-1)
    expect(line).toMatchObject({ event: "gateway.failed", code: "config" })
    expect(line?.error?.message).toContain(name)
    if (value !== "") expect(JSON.stringify(line)).not.toContain(value)
  })

  it("waits for a Redis that is not there yet, saying so once, and serves when it comes", async () => {
    const late = await startRedis()
    await late.kill()
    const gateway = start(environment({ REDIS_URL: late.url }))
    await gateway.event("redis.unreachable")
    await late.restart()
    const { url } = await gateway.event("gateway.ready")
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect(gateway.lines.map(({ event }) => event)).toEqual(["redis.unreachable", "redis.connected", "gateway.ready"])
    await late.stop()
  })

  it("is not ready for a Redis that drops keys or wants a password, and says so: `npm start` gives up then", async () => {
    const part = gatewayPart({ root: "", env: {} }, server.url, { port: 0, token: TOKEN })
    const client = createClient({ url: server.url })
    await client.connect()
    for (const [settings, code] of [
      [{ "maxmemory-policy": "allkeys-lru", maxmemory: "1gb" }, "redis_evicts"],
      [{ "maxmemory-policy": "noeviction", requirepass: "secret" }, "redis_unauthorized"],
    ] as const) {
      await client.configSet(settings)
      const gateway = start(environment())
      const line = await gateway.event("gateway.not_ready")
      expect(line.error).toMatchObject({ code })
      expect(part.refusal?.test(JSON.stringify(line))).toBe(true)
      gateway.child.kill("SIGTERM")
      expect(await gateway.exit).toBe(0)
    }
    await client.configSet({ requirepass: "" })
    client.destroy()
  })

  it("leaves with 0 on SIGTERM while it still waits for Redis", async () => {
    const gateway = start(environment({ REDIS_URL: "redis://127.0.0.1:1" }))
    await gateway.event("redis.unreachable")
    gateway.child.kill("SIGTERM")
    expect(await gateway.exit).toBe(0)
  })
})
