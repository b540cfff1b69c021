import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { type AddressInfo, connect, createServer as createPlainServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { createServer } from "node:tls"
import { createClient } from "@redis/client"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import type { Redis } from "../../../src/lib/redis/redis.ts"
import { connectTcp } from "../../../src/redis-tcp/tcp.ts"
import { startRedis, type TestRedis } from "../../support/redis/redis-server.ts"
import { startTcpProxy, type TcpProxy } from "../../support/redis/tcp-proxy.ts"
import type { Client } from "../../support/store/store-audit.ts"

let server: TestRedis
let proxy: TcpProxy
let client: Client
beforeAll(async () => {
  server = await startRedis({ appendOnly: true })
  proxy = await startTcpProxy(server.port)
  client = await clientOf(server)
})
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  proxy.resume()
  proxy.target = server.port
  await expect.poll(() => proxy.open()).toBe(0)
})
afterAll(async () => {
  client?.destroy()
  await proxy?.close()
  await server?.stop()
})

async function clientOf({ url }: TestRedis): Promise<Client> {
  const made: Client = createClient({ url })
  made.on("error", () => undefined)
  return made.connect()
}

function open({ url = `redis://127.0.0.1:${proxy.port}`, timeoutMs = 1_500 } = {}) {
  const redis = connectTcp({ url, timeoutMs })
  closing.push(() => redis.close())
  return redis
}

const unavailable = { code: "redis_unavailable" }
const isBack = (redis: Redis) => () => redis.ping().catch(() => null)
const nothing = () => undefined

describe("a connection", () => {
  it("is opened by the first command that needs it, and carries all that follow", async () => {
    const before = proxy.accepted()
    const redis = open()
    expect(proxy.accepted()).toBe(before)
    await Promise.all(Array.from({ length: 50 }, () => redis.ping()))
    await redis.get("x")
    expect(proxy.accepted()).toBe(before + 1)
  })

  it("sends commands that are ready together in one packet", async () => {
    const redis = open()
    await redis.ping()
    const reads = vi.fn()
    proxy.onData = reads
    await Promise.all([redis.get("a"), redis.hget("b", "c"), redis.time()])
    proxy.onData = nothing
    expect(reads).toHaveBeenCalledTimes(1)
  })

  it("fails what is under way when it is cut, sends nothing twice, and the next command opens another", async () => {
    const redis = open()
    await client.del("runs")
    const script = { text: "return redis.call('INCR', 'runs')", sha1: "0".repeat(40) }
    await redis.ping()
    server.pause()
    const calls = [redis.script(script, [], []), redis.hset("h", { a: "1" }), redis.getBytes("b")]
    const settled = Promise.allSettled(calls)
    await expect.poll(() => proxy.open()).toBe(2)
    proxy.cut()
    for (const call of await settled) expect(call).toMatchObject({ status: "rejected", reason: unavailable })
    server.resume()
    expect(await redis.ping()).toBe("PONG")
    expect(Number(await client.get("runs"))).toBeLessThanOrEqual(1)
  })

  it("that went silent is given up after a command's time, and the next command gets through", async () => {
    const redis = open({ timeoutMs: 100 })
    await redis.ping()
    const before = proxy.accepted()
    proxy.stall()
    await expect(redis.ping()).rejects.toMatchObject({ message: "The queue's Redis did not answer in time" })
    await expect.poll(isBack(redis), { timeout: 10_000 }).toBe("PONG")
    expect(proxy.accepted()).toBeGreaterThan(before)
  })

  it("that answers others is kept when a command is late, and given up when that is late twice over", async () => {
    const sockets: Socket[] = []
    const asked = vi.fn()
    // Answers when it is told to.
    const slow = createPlainServer((socket) => {
      sockets.push(socket)
      socket.on("data", (text) => String(text).split("ping").slice(1).forEach(asked)).on("error", nothing)
    }).listen(0, "127.0.0.1")
    closing.push(() => slow.close())
    await once(slow, "listening")
    const { port } = slow.address() as AddressInfo
    const redis = open({ url: `redis://127.0.0.1:${port}`, timeoutMs: 700 })
    const outcomes: string[] = []
    const ping = () =>
      redis.ping().then(
        (pong) => outcomes.push(pong),
        () => outcomes.push("late"),
      )
    const [first, second] = [ping(), ping()]
    await expect.poll(() => asked.mock.calls.length).toBe(2)
    sockets[0]?.write("+first\r\n")
    await first
    await second
    sockets[0]?.write("+second\r\n")
    const third = ping()
    await expect.poll(() => asked.mock.calls.length).toBe(3)
    sockets[0]?.write("+third\r\n")
    await third
    expect(outcomes).toEqual(["first", "late", "third"])
    expect(sockets).toHaveLength(1)
    await Promise.all([ping(), expect.poll(() => sockets[0]?.destroyed).toBe(true)])
    await ping()
    expect(sockets).toHaveLength(2)
  })

  it("gives no command the reply of another, however many are late, stalled or cut", async () => {
    const redis = open({ timeoutMs: 40 })
    const echo = { text: "return ARGV[1]", sha1: "1".repeat(40) }
    const told: [string, unknown][] = []
    let [answered, isOver] = [0, false]
    const ask = async (worker: number) => {
      for (let i = 0; !isOver; i++) {
        const text = `${worker}-${i}`
        const reply = await redis.script(echo, [], [text]).catch(() => null)
        if (reply === text) answered++
        else if (reply !== null) told.push([text, reply])
      }
    }
    const asking = Array.from({ length: 8 }, (_none, worker) => ask(worker))
    const pauses = [10, 35, 45, 85]
    for (let i = 0; i < 16; i++) {
      await sleep(20)
      if (i % 4 === 3) proxy.cut()
      else (i % 2 === 0 ? server : { pause: proxy.stall }).pause()
      await sleep(pauses[i >> 2])
      server.resume()
      proxy.resume()
    }
    isOver = true
    await Promise.all(asking)
    expect(told).toEqual([])
    expect(answered).toBeGreaterThan(0)
    await expect.poll(isBack(redis), { timeout: 10_000 }).toBe("PONG")
  })

  it("keeps no command for later while Redis is away, and is back when Redis is, with its data", async () => {
    const redis = open()
    await redis.setBytes("kept", Uint8Array.of(1, 2, 3), 60_000)
    await server.kill()
    const calls = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => redis.hset("late", { [i]: "1" })))
    for (const call of calls) expect(call).toMatchObject({ status: "rejected", reason: unavailable })
    await server.restart()
    await expect.poll(isBack(redis), { timeout: 10_000 }).toBe("PONG")
    expect(await redis.getBytes("kept")).toEqual(Uint8Array.of(1, 2, 3))
    expect(await redis.hlen("late")).toBe(0)
  })

  it("to a Redis that is no longer the primary is left for where its name leads now", async () => {
    const next = await startRedis()
    closing.push(() => next.stop())
    const redis = open()
    await redis.hset("h", { a: "1" })
    await client.replicaOf("127.0.0.1", 1)
    closing.push(() => client.sendCommand(["REPLICAOF", "NO", "ONE"]))
    proxy.target = next.port
    await expect(redis.hset("h", { a: "2" })).rejects.toMatchObject(unavailable)
    expect(await redis.hset("h", { a: "2" })).toBe(1)
  })

  it("does not keep commands waiting behind bytes that take long", async () => {
    const redis = open({ timeoutMs: 1_000 })
    await redis.setBytes("big", new Uint8Array(3_000_000), 60_000)
    // The only one that is open: that of the bytes.
    proxy.stall()
    const bytes = redis.getBytes("big")
    expect(await redis.ping()).toBe("PONG")
    proxy.resume()
    expect((await bytes)?.length).toBe(3_000_000)
  })

  it("closes at once, whatever is under way, and opens no more", async () => {
    const redis = open()
    await redis.ping()
    proxy.stall()
    const waiting = redis.ping()
    redis.close()
    await expect(waiting).rejects.toMatchObject(unavailable)
    await expect(redis.ping()).rejects.toMatchObject(unavailable)
    await expect.poll(() => proxy.open()).toBe(0)
  })
})

describe("a subscription", () => {
  const listen = (redis: Redis, heard: string[], stop: AbortController) =>
    redis.subscribe(
      "test:wake",
      { onSubscribed: () => heard.push("+"), onMessage: (message) => heard.push(message) },
      stop.signal,
    )

  it("has a connection of its own, and ends when that is cut or Redis dies", async () => {
    const redis = open()
    for (const end of [async () => proxy.cut(), () => server.kill()]) {
      const heard: string[] = []
      const ended = listen(redis, heard, new AbortController())
      const failed = expect(ended).rejects.toMatchObject(unavailable)
      await expect.poll(() => heard).toEqual(["+"])
      await end()
      await failed
    }
    await server.restart()
    await expect.poll(isBack(redis), { timeout: 10_000 }).toBe("PONG")
  })

  it("fails where nobody listens, and leaves nothing open when it is aborted before it has begun", async () => {
    const away = open({ url: "redis://127.0.0.1:1" })
    await expect(listen(away, [], new AbortController())).rejects.toMatchObject(unavailable)
    const stop = new AbortController()
    stop.abort()
    await expect(listen(open(), [], stop)).rejects.toMatchObject(unavailable)
    expect(proxy.open()).toBe(0)
  })

  it("that is aborted while it connects leaves nothing open, and hears nothing", async () => {
    const before = proxy.accepted()
    const heard: string[] = []
    const stop = new AbortController()
    const ended = expect(listen(open(), heard, stop)).rejects.toMatchObject(unavailable)
    stop.abort()
    await ended
    await expect.poll(() => proxy.accepted()).toBe(before + 1)
    await expect.poll(() => proxy.open()).toBe(0)
    expect(heard).toEqual([])
  })
})

describe("rediss://", () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "claimcheck-tls-"))
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")]
    const made = spawn("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", ...subject, ...files])
    expect((await once(made, "exit"))[0]).toBe(0)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("is spoken with a server whose certificate is trusted, and with no other; the password goes nowhere else", async () => {
    const [key, cert] = await Promise.all(["key.pem", "cert.pem"].map((name) => readFile(join(folder, name))))
    // The Redis of a distribution may be built without TLS: this ends it in front of ours.
    const front = createServer({ key, cert }, (socket) => {
      const inside = connect(server.port, "127.0.0.1")
      socket.pipe(inside).pipe(socket)
      socket.on("error", () => inside.destroy())
      inside.on("error", () => socket.destroy())
    })
    front.on("tlsClientError", nothing)
    front.listen(0, "127.0.0.1")
    await once(front, "listening")
    closing.push(() => void front.close())
    const url = `rediss://:hunter2@localhost:${(front.address() as AddressInfo).port}`
    await client.configSet("requirepass", "hunter2")
    closing.push(() => client.configSet("requirepass", ""))
    const ask = async (env: Record<string, string>) => {
      const args = ["dist/cli/main.js", "dead", "list"]
      const child = spawn(process.execPath, args, { env: { PATH: process.env.PATH, REDIS_URL: url, ...env } })
      let said = ""
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text))
      const [code] = await once(child, "close")
      expect(said).not.toContain("hunter2")
      return { code, said }
    }
    const trusting = await ask({ NODE_EXTRA_CA_CERTS: join(folder, "cert.pem") })
    expect(trusting).toMatchObject({ code: 0, said: expect.stringContaining("There are no dead letters") })
    const wary = await ask({})
    expect(wary).toMatchObject({
      code: 1,
      said: expect.stringContaining("Cannot reach the queue's Redis at rediss://"),
    })
  })
})
