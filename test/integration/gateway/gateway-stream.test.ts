import { once } from "node:events"
import { connect } from "node:net"
import { Redis } from "@upstash/redis"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../support/redis/redis-server.ts"

let server: TestRedis
let gateway: TestGateway
const opened: AbortController[] = []

beforeAll(async () => {
  server = await startRedis()
  gateway = await startGateway({
    redisUrl: server.url,
    maxStreams: 3,
    maxBufferedBytes: 64 * 1024,
    pingIntervalMs: 50,
  })
})
afterEach(async () => {
  for (const controller of opened.splice(0)) controller.abort()
  await expect.poll(subscriberConnections).toBe(0)
})
afterAll(async () => {
  await gateway.close()
  await server.stop()
})

function client(): Redis {
  return new Redis({ url: gateway.url, token: gateway.token, enableTelemetry: false, retry: { retries: 0 } })
}

async function subscribe(path: string): Promise<Response> {
  const controller = new AbortController()
  opened.push(controller)
  return fetch(`${gateway.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.token}` },
    signal: controller.signal,
  })
}

/** The lines of a stream that carry data, as they come. */
async function* dataLines(response: Response): AsyncGenerator<string> {
  let text = ""
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (text + chunk).split("\n")
    text = lines.pop() ?? ""
    yield* lines.filter((line) => line.startsWith("data: "))
  }
}

/** Asks Redis itself, since the gateway refuses CLIENT. */
async function subscriberConnections(): Promise<number> {
  const socket = connect(server.port, "127.0.0.1", () => socket.write("CLIENT LIST TYPE pubsub\r\n"))
  const [reply] = await once(socket, "data")
  socket.destroy()
  return String(reply).split("id=").length - 1
}

describe("/subscribe", () => {
  it("says that it listens, and then every message, those with commas and line breaks too", async () => {
    const lines = dataLines(await subscribe("/subscribe/news"))
    expect((await lines.next()).value).toBe("data: subscribe,news,1")
    expect(await client().publish("news", "one,two")).toBe(1)
    expect((await lines.next()).value).toBe("data: message,news,one,two")
    await client().publish("news", "first\nsecond")
    expect((await lines.next()).value).toBe("data: message,news,first")
    expect((await lines.next()).value).toBe("data: second")
  })

  it("takes a percent-encoded channel and several of them", async () => {
    const lines = dataLines(await subscribe("/subscribe/a%2Fb/c"))
    expect((await lines.next()).value).toBe("data: subscribe,a/b,1")
    expect((await lines.next()).value).toBe("data: subscribe,c,2")
    await client().publish("c", "x")
    expect((await lines.next()).value).toBe("data: message,c,x")
  })

  it("feeds the official client's subscriber, for channels and patterns", async () => {
    const heard = vi.fn()
    const subscriber = client().subscribe<string>("jobs")
    const patterns = client().psubscribe<string>("jo*")
    subscriber.on("message", heard)
    patterns.on("pmessage", heard)
    await expect.poll(subscriberConnections).toBe(2)
    await client().publish("jobs", { id: 7 })
    await expect.poll(() => heard.mock.calls.length).toBe(2)
    expect(heard).toHaveBeenCalledWith({ channel: "jobs", message: { id: 7 } })
    expect(heard).toHaveBeenCalledWith({ pattern: "jo*", channel: "jobs", message: { id: 7 } })
    await subscriber.unsubscribe()
    await patterns.unsubscribe()
  })

  it("sends a ping comment while nothing happens", async () => {
    const response = await subscribe("/subscribe/quiet")
    expect(response.headers.get("content-type")).toContain("text/event-stream")
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ""
    while (!text.includes(": ping\n\n")) text += (await reader?.read())?.value
  })

  it("lets go of its Redis connection when the client goes", async () => {
    await subscribe("/subscribe/gone")
    expect(await subscriberConnections()).toBe(1)
    opened[0]?.abort()
    await expect.poll(subscriberConnections).toBe(0)
  })

  it("refuses more streams than it may hold with 429, and takes one again when one has gone", async () => {
    for (let i = 0; i < 3; i++) expect((await subscribe("/subscribe/c")).status).toBe(200)
    const refused = await subscribe("/subscribe/c")
    expect(refused.status).toBe(429)
    expect(await refused.json()).toEqual({ error: expect.stringMatching(/^ERR max number/) })
    opened[0]?.abort()
    await expect.poll(async () => (await subscribe("/subscribe/c")).status).toBe(200)
  })

  it("drops a client that does not read, instead of keeping its messages", async () => {
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1")
    socket.on("error", () => undefined)
    socket.pause()
    socket.write(`GET /subscribe/flood HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.token}\r\n\r\n`)
    await expect.poll(subscriberConnections).toBe(1)
    const payload = "x".repeat(256 * 1024)
    await expect
      .poll(
        async () => {
          await client().publish("flood", payload)
          return subscriberConnections()
        },
        { timeout: 20_000, interval: 1 },
      )
      .toBe(0)
    socket.destroy()
  })

  it("refuses a subscription to nothing with 400", async () => {
    expect((await subscribe("/subscribe/")).status).toBe(400)
    expect((await subscribe("/psubscribe")).status).toBe(400)
  })
})
