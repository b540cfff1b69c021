import { createHash } from "node:crypto"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { createClient } from "@redis/client"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { AppError } from "../../../../src/lib/app-error.ts"
import { REDIS_COMMANDS, type Redis } from "../../../../src/lib/redis/redis.ts"
import { connectRest } from "../../../../src/lib/redis/rest.ts"
import type { Script } from "../../../../src/lib/redis/script.ts"
import { READ_MEMORY } from "../../../../src/lib/redis/scripts.ts"
import { download } from "../../../../src/redis-tcp/download.ts"
import { connectTcp } from "../../../../src/redis-tcp/tcp.ts"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../../support/redis/redis-server.ts"
import type { Client } from "../../../support/store/store-audit.ts"

let server: TestRedis
let gateway: TestGateway
/** To arrange what the adapters meet, and to see what they did. */
let client: Client
beforeAll(async () => {
  server = await startRedis()
  gateway = await startGateway({ redisUrl: server.url })
  client = createClient({ url: server.url })
  await client.connect()
})
afterAll(async () => {
  client?.destroy()
  await gateway?.close()
  await server?.stop()
})

/** As the build makes it of a .lua file. */
function scriptOf(body: string, flags = ""): Script {
  const sha1 = (text: string) => createHash("sha1").update(text).digest("hex")
  return { text: flags + body, sha1: sha1(flags + body), ...(flags && { plainSha1: sha1(body) }) }
}

async function failureOf(call: Promise<unknown>): Promise<AppError> {
  try {
    await call
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error("It did not fail")
}

/** All that could be logged of an error. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return [error.message, error.stack, JSON.stringify(error), textOf(error.cause)].join("\n")
}

const closing: (() => void)[] = []
const tcp = (url: string, timeoutMs?: number): Redis => {
  const redis = connectTcp({ url, ...(timeoutMs && { timeoutMs }) })
  closing.push(redis.close)
  return redis
}

/** Each adapter as it reaches the Redis of these tests; and somebody who has other credentials. */
const ADAPTERS = [
  [
    "REST",
    {
      connect: (timeoutMs?: number) => connectRest({ ...gateway, ...(timeoutMs && { timeoutMs }) }),
      stranger: () => connectRest({ url: gateway.url, token: "hunter2" }),
    },
  ],
  [
    "REST with the download of Node processes",
    {
      connect: (timeoutMs?: number) => connectRest({ ...gateway, download, ...(timeoutMs && { timeoutMs }) }),
      stranger: () => connectRest({ url: gateway.url, token: "hunter2", download }),
    },
  ],
  [
    "TCP",
    {
      connect: (timeoutMs?: number) => tcp(server.url, timeoutMs),
      stranger: () => tcp(server.url.replace("redis://", "redis://nobody:hunter2@")),
    },
  ],
] as const

describe.each(ADAPTERS)("Redis by %s", (_name, { connect, stranger }) => {
  let redis: Redis
  beforeAll(() => {
    redis = connect()
  })
  afterEach(async () => {
    server.resume()
    await client.configSet({ maxmemory: "0", "maxmemory-policy": "noeviction" })
    await client.flushAll()
  })
  afterAll(() => {
    for (const close of closing.splice(0)) close()
  })

  it("takes and returns bytes, every one there is and in any number, in a buffer of their own", async () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    const bodies = [all, Uint8Array.of(0), Uint8Array.of(13, 10), new Uint8Array(3_000_000).fill(0xff)]
    for (const [i, bytes] of bodies.entries()) {
      await redis.setBytes(`bytes ${i}/é?`, bytes, 60_000)
      const back = await redis.getBytes(`bytes ${i}/é?`)
      expect(back?.length).toBe(bytes.length)
      expect(Buffer.compare(back ?? new Uint8Array(), bytes)).toBe(0)
      // What is handed to a lane is gone here: nothing else may lie in that buffer.
      expect(back?.buffer.byteLength).toBe(bytes.length)
    }
    expect(await redis.getBytes("nothing")).toBeNull()
  })

  it("runs a script that fails once, although an argument says NOSCRIPT", async () => {
    const failing = scriptOf("redis.call('INCR', KEYS[1]) return redis.error_reply('ERR no')")
    await failureOf(redis.script(failing, ["runs"], ["first"]))
    await failureOf(redis.script(failing, ["runs"], ["NOSCRIPT"]))
    expect(await redis.get("runs")).toBe("2")
  })

  it("lets bytes go after their time", async () => {
    await redis.setBytes("short", Uint8Array.of(1), 60_000)
    const ttlMs = await client.pTTL("short")
    expect(ttlMs).toBeGreaterThan(50_000)
    expect(ttlMs).toBeLessThanOrEqual(60_000)
  })

  it("gives every command's reply in the same shape", async () => {
    expect(await redis.ping()).toBe("PONG")
    expect(await redis.get("x")).toBeNull()
    expect(await redis.hset("h", { a: "1", b: "true", c: "{}" })).toBe(3)
    expect(await redis.hget("h", "a")).toBe("1")
    expect(await redis.hget("h", "z")).toBeNull()
    expect(await redis.hgetall("h")).toEqual(["a", "1", "b", "true", "c", "{}"])
    expect(await redis.hmget("h", "b", "z")).toEqual(["true", null])
    expect([await redis.hkeys("h"), await redis.hvals("h")]).toEqual([
      ["a", "b", "c"],
      ["1", "true", "{}"],
    ])
    expect([await redis.hlen("h"), await redis.hdel("h", "a", "z")]).toEqual([3, 1])
    expect(await redis.setrange("s", 0, "12345678901234567890")).toBe(20)
    expect(await redis.mget("s", "x")).toEqual(["12345678901234567890", null])
    await client.zAdd("z", [
      { score: 1.5, value: "a" },
      { score: 2, value: "b" },
    ])
    expect(await redis.zrange("z", 0, -1)).toEqual(["a", "b"])
    expect(await redis.zrange("z", 0, 0, { rev: true, withScores: true })).toEqual(["b", "2"])
    expect([await redis.zcard("z"), await redis.zcount("z", "(1.5", "+inf")]).toEqual([2, 1])
    expect([await redis.zrank("z", "b"), await redis.zrank("z", "x")]).toEqual([1, null])
    expect((await redis.time()).map(Number)).toEqual([expect.any(Number), expect.any(Number)])
    expect([await redis.publish("c", "m"), await redis.unlink("s", "x")]).toEqual([0, 1])
  })

  it("sends the text of a script that Redis does not know, once", async () => {
    const script = scriptOf("return { KEYS[1], ARGV[1], ARGV[2] }")
    await client.scriptFlush()
    for (let i = 0; i < 2; i++) expect(await redis.script(script, ["k"], ["a", 7])).toEqual(["k", "a", "7"])
    await client.scriptFlush()
    expect(await redis.script(script, ["k"], ["a", 7])).toEqual(["k", "a", "7"])
  })

  it("leaves the texts of scripts as they are, whatever they look like", async () => {
    const texts = ["12345678901234567890", "true", "null", '{"a":1}', "1.0", "", "é\n\u{1f600}"]
    expect(await redis.script(scriptOf("return ARGV"), [], texts)).toEqual(texts)
  })

  it("throws internal, not redis_unavailable, for a script that is wrong", async () => {
    const error = await failureOf(redis.script(scriptOf("return redis.call('NONSENSE', ARGV[1])"), [], ["hunter2"]))
    expect(error.code).toBe("internal")
    expect(textOf(error)).not.toContain("hunter2")
  })

  it("throws without the command in the error, wherever one looks", async () => {
    await client.set("text", "x")
    const error = await failureOf(redis.hset("text", { field: "hunter2" }))
    expect(textOf(error)).not.toContain("hunter2")
    expect(textOf(error)).toContain("WRONGTYPE")
  })

  it("throws redis_unauthorized for credentials that are not right, without them", async () => {
    const listener = { onSubscribed: () => undefined, onMessage: () => undefined }
    const { signal } = new AbortController()
    for (const call of [
      () => stranger().ping(),
      () => stranger().getBytes("a"),
      () => stranger().subscribe("c", listener, signal),
    ]) {
      const error = await failureOf(call())
      expect(error.code).toBe("redis_unauthorized")
      expect(textOf(error)).not.toContain("hunter2")
    }
  })

  it("throws redis_full when Redis is full, runs what may run all the same, and says what is evicted", async () => {
    await client.configSet({ maxmemory: "1" })
    for (const call of [() => redis.setBytes("a", Uint8Array.of(1), 1_000), () => redis.hset("h", { a: "1" })])
      expect((await failureOf(call())).code).toBe("redis_full")
    const flagged = scriptOf("return redis.call('SET', KEYS[1], '1')", "#!lua flags=allow-oom\n")
    expect(await redis.script(flagged, ["k"], [])).toBe("OK")
    await client.configSet({ maxmemory: "1gb", "maxmemory-policy": "volatile-lru" })
    expect(await redis.script(READ_MEMORY, [], [])).toEqual([expect.anything(), expect.anything(), "volatile-lru"])
  })

  it("throws redis_unavailable for a Redis that takes no writes", async () => {
    await client.replicaOf("127.0.0.1", 1)
    try {
      expect((await failureOf(redis.hset("h", { a: "1" }))).code).toBe("redis_unavailable")
      expect(await redis.hget("h", "a")).toBeNull()
    } finally {
      await client.sendCommand(["REPLICAOF", "NO", "ONE"])
    }
    expect(await redis.hset("h", { a: "1" })).toBe(1)
  })

  it("gives up after its time, never with an empty answer, and works when Redis goes on", async () => {
    const impatient = connect(50)
    await impatient.ping()
    server.pause()
    for (const call of [() => impatient.get("a"), () => impatient.script(scriptOf("return 1"), [], [])]) {
      const late = { code: "redis_unavailable", message: "The queue's Redis did not answer in time" }
      expect(await failureOf(call())).toMatchObject(late)
    }
    server.resume()
    expect(await redis.ping()).toBe("PONG")
    await expect.poll(() => impatient.ping().catch(() => null), { timeout: 10_000 }).toBe("PONG")
  })

  it("hears what is published, until the signal is aborted", async () => {
    const heard: string[] = []
    const stop = new AbortController()
    const listener = { onSubscribed: () => heard.push("+"), onMessage: (message: string) => heard.push(message) }
    const ended = redis.subscribe("test:wake", listener, stop.signal)
    await expect.poll(() => heard).toEqual(["+"])
    for (const message of ["queued:é", "canceled:a,b"]) await redis.publish("test:wake", message)
    await expect.poll(() => heard).toEqual(["+", "queued:é", "canceled:a,b"])
    stop.abort()
    await ended.catch((error: unknown) => expect(error).toBeInstanceOf(AppError))
    await expect.poll(() => client.pubSubNumSub("test:wake")).toEqual({ "test:wake": 0 })
  })
})

describe("over REST", () => {
  it("runs a script without its flags where they are not known", async () => {
    const texts: string[] = []
    const { server, url } = await listen((_socket, answer, body) => {
      const [command, text = ""] = JSON.parse(body) as string[]
      if (command !== "eval") return answer(400, '{"error":"NOSCRIPT No matching script"}')
      texts.push(text)
      if (text.startsWith("#!")) answer(400, '{"error":"ERR Unexpected flag in script shebang: allow-oom"}')
      else answer(200, '{"result":"OK"}')
    })
    const older = connectRest({ url, token: "t" })
    for (let i = 0; i < 2; i++)
      expect(await older.script(scriptOf("return 1", "#!lua flags=allow-oom\n"), [], [])).toBe("OK")
    expect(texts).toEqual(["#!lua flags=allow-oom\nreturn 1", "return 1", "return 1"])
    server.closeAllConnections()
    server.close()
  })

  it("makes one request, also when it fails: a write must not be sent twice", async () => {
    const { server, url, count } = await listen((socket) => socket.destroy())
    const broken = connectRest({ url, token: "t" })
    const calls = [
      ...REDIS_COMMANDS.map((name) => () => (broken[name] as (...args: unknown[]) => Promise<unknown>)("a", {}, "b")),
      () => broken.setBytes("a", Uint8Array.of(1), 1_000),
      () => broken.getBytes("a"),
      () => broken.script(scriptOf("return 1"), [], []),
    ]
    for (const [i, call] of calls.entries()) {
      expect((await failureOf(call())).code).toBe("redis_unavailable")
      expect(count()).toBe(i + 1)
    }
    server.close()
  })

  it("gives up after its time, never with an empty answer", async () => {
    const { server, url } = await listen(() => undefined)
    const silent = connectRest({ url, token: "t", timeoutMs: 50 })
    for (const call of [() => silent.get("a"), () => silent.script(scriptOf("return 1"), [], [])]) {
      expect((await failureOf(call())).code).toBe("redis_unavailable")
    }
    server.closeAllConnections()
    server.close()
  })

  it.each([
    [503, '{"error":"ERR Redis cannot be reached"}', "redis_unavailable"],
    [400, '{"error":"ERR max daily request limit exceeded. Limit: 10000, Usage: 10000."}', "redis_unavailable"],
    [400, '{"error":"LOADING Redis is loading the dataset in memory"}', "redis_unavailable"],
    [400, '{"error":"ERR DB capacity quota exceeded. Limit: 268435456, Usage: 268435999."}', "redis_full"],
    [400, `{"error":"OOM command not allowed when used memory > 'maxmemory'."}`, "redis_full"],
    [401, '{"error":"WRONGPASS invalid or missing auth token"}', "redis_unauthorized"],
    [400, '{"error":"NOAUTH Authentication required."}', "redis_unauthorized"],
    [400, `{"error":"NOPERM User default has no permissions to run the 'get' command"}`, "redis_unauthorized"],
    [502, "<html>Bad Gateway</html>", "redis_unavailable"],
    [200, "<html>A login page</html>", "redis_unavailable"],
    [400, '{"error":"ERR wrong number of arguments"}', "internal"],
  ])("takes HTTP %i with %s for %s", async (status, body, code) => {
    const { server, url } = await listen((_socket, answer) => answer(status, body))
    const strange = connectRest({ url, token: "t" })
    expect((await failureOf(strange.get("a"))).code).toBe(code)
    server.closeAllConnections()
    server.close()
  })
})

type Reply = (status: number, body: string) => void

/** A server in the place of the gateway that does to each request what it is told. */
async function listen(handle: (socket: { destroy(): void }, answer: Reply, body: string) => void) {
  let requests = 0
  const server: Server = createServer(async (request, response) => {
    requests++
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    handle(request.socket, (status, text) => response.writeHead(status).end(text), body)
  })
  server.listen(0, "127.0.0.1")
  await new Promise((resolve) => server.once("listening", resolve))
  const { port } = server.address() as AddressInfo
  return { server, url: `http://127.0.0.1:${port}`, count: () => requests }
}
