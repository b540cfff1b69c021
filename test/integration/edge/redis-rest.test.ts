import { createHash } from "node:crypto"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { download } from "../../../src/classifier/fetch/download.ts"
import { AppError } from "../../../src/lib/app-error.ts"
import { connectRedis, REDIS_COMMANDS, type RedisRest } from "../../../src/lib/redis/redis.ts"
import type { Script } from "../../../src/lib/redis/script.ts"
import { startBackend } from "../../support/edge/edge-backend.ts"
import type { Backend } from "../../support/edge/edge-runtime.ts"
import { redisSdk } from "../../support/redis/redis-sdk.ts"

let backend: Backend
let redis: RedisRest
beforeAll(async () => {
  backend = await startBackend()
  redis = connectRedis(backend)
})
afterAll(() => backend?.stop())

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

describe.each([
  ["fetch", undefined],
  ["the classifier's download", download],
])("setBytes() and getBytes(), by %s", (_name, download) => {
  let redis: RedisRest
  beforeAll(() => {
    redis = connectRedis({ ...backend, ...(download && { download }) })
  })

  it("carry every byte there is, in any number", async () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    const bodies = [all, Uint8Array.of(0), Uint8Array.of(13, 10), new Uint8Array(3_000_000).fill(0xff)]
    for (const [i, bytes] of bodies.entries()) {
      await redis.setBytes(`bytes ${i}/é?`, bytes, 60_000)
      const back = await redis.getBytes(`bytes ${i}/é?`)
      expect(back?.length).toBe(bytes.length)
      expect(Buffer.compare(back ?? new Uint8Array(), bytes)).toBe(0)
    }
  })

  it("answer null for a key that is not there", async () => {
    expect(await redis.getBytes("nothing")).toBeNull()
  })

  it("say that a token is wrong", async () => {
    const stranger = connectRedis({ url: backend.url, token: "hunter2", ...(download && { download }) })
    const failure = await failureOf(stranger.getBytes("x"))
    expect(failure.code).toBe("redis_unauthorized")
    expect(textOf(failure)).toContain("HTTP 401")
    expect(textOf(failure)).not.toContain("hunter2")
  })

  it("let the bytes go after their time", async () => {
    await redis.setBytes("short", Uint8Array.of(1), 60_000)
    const ttlMs = await redisSdk(backend).pttl("short")
    expect(ttlMs).toBeGreaterThan(50_000)
    expect(ttlMs).toBeLessThanOrEqual(60_000)
  })
})

describe("script()", () => {
  it("sends the text of a script that Redis does not know, once", async () => {
    const script = scriptOf("return { KEYS[1], ARGV[1], ARGV[2] }")
    await redisSdk(backend).scriptFlush()
    for (let i = 0; i < 2; i++) expect(await redis.script(script, ["k"], ["a", 7])).toEqual(["k", "a", "7"])
    await redisSdk(backend).scriptFlush()
    expect(await redis.script(script, ["k"], ["a", 7])).toEqual(["k", "a", "7"])
  })

  it("leaves texts as they are, whatever they look like", async () => {
    const texts = ["12345678901234567890", "true", "null", '{"a":1}', "1.0", ""]
    expect(await redis.script(scriptOf("return ARGV"), [], texts)).toEqual(texts)
  })

  it("runs a script without its flags where they are not known", async () => {
    const texts: string[] = []
    const { server, url } = await listen((_socket, answer, body) => {
      const [command, text = ""] = JSON.parse(body) as string[]
      if (command !== "eval") return answer(400, '{"error":"NOSCRIPT No matching script"}')
      texts.push(text)
      if (text.startsWith("#!")) answer(400, '{"error":"ERR Unexpected flag in script shebang: allow-oom"}')
      else answer(200, '{"result":"OK"}')
    })
    const older = connectRedis({ url, token: "t" })
    for (let i = 0; i < 2; i++)
      expect(await older.script(scriptOf("return 1", "#!lua flags=allow-oom\n"), [], [])).toBe("OK")
    expect(texts).toEqual(["#!lua flags=allow-oom\nreturn 1", "return 1", "return 1"])
    server.closeAllConnections()
    server.close()
  })

  it("throws internal, not redis_unavailable, for a script that is wrong", async () => {
    const error = await failureOf(redis.script(scriptOf("return redis.call('NONSENSE', ARGV[1])"), [], ["hunter2"]))
    expect(error.code).toBe("internal")
    expect(textOf(error)).not.toContain("hunter2")
  })
})

describe("a command", () => {
  it("throws without the command in it, wherever one looks", async () => {
    await redisSdk(backend).set("text", "x")
    const error = await failureOf(redis.hset("text", { field: "hunter2" }))
    expect(textOf(error)).not.toContain("hunter2")
    expect(textOf(error)).toContain("WRONGTYPE")
  })

  it("throws redis_unauthorized for a token that is not right, without the token", async () => {
    const stranger = connectRedis({ url: backend.url, token: "hunter2" })
    for (const call of [() => stranger.ping(), () => stranger.getBytes("a")]) {
      const error = await failureOf(call())
      expect(error.code).toBe("redis_unauthorized")
      expect(textOf(error)).not.toContain("hunter2")
    }
  })

  it("makes one request, also when it fails: a write must not be sent twice", async () => {
    const { server, url, count } = await listen((socket) => socket.destroy())
    const broken = connectRedis({ url, token: "t" })
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
    const silent = connectRedis({ url, token: "t", timeoutMs: 50 })
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
    const strange = connectRedis({ url, token: "t" })
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
