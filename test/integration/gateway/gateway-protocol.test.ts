import { Redis } from "@upstash/redis"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../support/redis/redis-server.ts"

let server: TestRedis
let gateway: TestGateway
const commands: string[] = []

beforeAll(async () => {
  server = await startRedis()
  gateway = await startGateway({ redisUrl: server.url, onCommand: (command) => commands.push(String(command[0])) })
})
afterAll(async () => {
  await gateway.close()
  await server.stop()
})
beforeEach(async () => {
  await call("/flushall")
  commands.length = 0
})

const NOT_UTF8 = Buffer.from([0x00, 0xff, 0xfe, 0x0d, 0x0a, 0x80, 0x25])

function call(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(gateway.url + path, { ...init, headers: { authorization: `Bearer ${gateway.token}`, ...init.headers } })
}

function post(path: string, body: unknown, headers: HeadersInit = {}): Promise<Response> {
  return call(path, { method: "POST", body: JSON.stringify(body), headers })
}

function client(): Redis {
  return new Redis({ url: gateway.url, token: gateway.token, enableTelemetry: false, retry: { retries: 0 } })
}

describe("the official client", () => {
  it("sets, reads and counts, with values it may not change", async () => {
    const redis = client()
    expect(await redis.set("greeting", "grüße 🎉", { ex: 60 })).toBe("OK")
    expect(await redis.get("greeting")).toBe("grüße 🎉")
    expect(await redis.ttl("greeting")).toBeGreaterThan(50)
    expect(await redis.incrby("n", 41)).toBe(41)
    expect(await redis.hset("h", { a: 1, b: "x" })).toBe(2)
    expect(await redis.hgetall("h")).toEqual({ a: 1, b: "x" })
    expect(await redis.get("missing")).toBeNull()
  })

  it("gets a value that reads OK, and an OK inside an array, unharmed", async () => {
    const redis = client()
    await redis.mset({ a: "OK", b: "T0s=" })
    expect(await redis.get("a")).toBe("OK")
    expect(await redis.mget("a", "b")).toEqual(["OK", "T0s="])
  })

  it("pipelines in order, and learns of each item's failure", async () => {
    const pipeline = client().pipeline().set("k", "text").incr("k").get("k")
    const results = await pipeline.exec({ keepErrors: true })
    expect(results).toEqual([
      { result: "OK", error: undefined },
      { result: undefined, error: "ERR value is not an integer or out of range" },
      { result: "text", error: undefined },
    ])
  })

  it("pipelines thousands of commands in order", async () => {
    const numbers = Array.from({ length: 5000 }, (_, index) => index)
    const response = await post("/pipeline", [...numbers.map((n) => ["RPUSH", "l", n]), ["LRANGE", "l", 0, -1]])
    const results = (await response.json()) as { result: unknown }[]
    expect(results.slice(0, -1).map(({ result }) => result)).toEqual(numbers.map((n) => n + 1))
    expect(results.at(-1)).toEqual({ result: numbers.map(String) })
  })

  it("runs a transaction all or not at all", async () => {
    expect(await client().multi().set("k", 1).incr("k").exec()).toEqual(["OK", 2])
    const response = await post("/multi-exec", [["SET", "k", "lost"], ["GET"]])
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: expect.stringMatching(/^EXECABORT/) })
    expect(await client().get("k")).toBe(2)
  })

  it("runs scripts by their SHA-1 after NOSCRIPT", async () => {
    const script = client().createScript<string[]>("return {KEYS[1], ARGV[1]}")
    expect(await script.exec(["key"], ["value"])).toEqual(["key", "value"])
    expect(await script.exec(["key"], ["again"])).toEqual(["key", "again"])
  })

  it("finds a script with Upstash's locking flag by the SHA-1 of the text it sent", async () => {
    const script = client().createScript<number>('#!lua flags=allow-key-locking\nreturn redis.call("INCR", KEYS[1])')
    expect(await script.exec(["count"], [])).toBe(1)
    expect(await script.exec(["count"], [])).toBe(2)
    const source = "#!lua flags=no-writes,allow-key-locking\nreturn 7"
    const sha = await client().scriptLoad(source)
    expect(await client().scriptExists(sha)).toEqual([1])
    expect(await client().evalsha(sha, [], [])).toBe(7)
    expect(await client().evalshaRo(sha.toUpperCase(), [], [])).toBe(7)
  })

  it("loads a function library that carries the flag", async () => {
    const library = "redis.register_function('seven', function() return 7 end)"
    await client().functions.load({ code: `#!lua name=lib flags=allow-key-locking\n${library}`, replace: true })
    expect(await client().functions.call("seven")).toBe(7)
  })
})

describe("commands in a path", () => {
  it("decodes segments to bytes and appends the query", async () => {
    expect(await (await call("/set/a%2Fb%20c/v?EX=60")).json()).toEqual({ result: "OK" })
    expect(await (await call("/get/a%2Fb%20c")).json()).toEqual({ result: "v" })
    expect(await (await call("/ttl/a%2Fb%20c")).json()).toEqual({ result: 60 })
    expect(await (await call("/set/a%2Fb%20c/w?NX")).json()).toEqual({ result: null })
    await call("/set/%ff%00/v")
    expect(await (await call("/strlen/%ff%00")).json()).toEqual({ result: 1 })
    expect(await (await call("/exists/%EF%BF%BD%00")).json()).toEqual({ result: 0 })
  })

  it("puts a raw body behind the path and the query behind the body", async () => {
    for (const method of ["POST", "PUT"]) {
      const response = await call("/set/bytes?EX=60", { method, body: NOT_UTF8 })
      expect(await response.json()).toEqual({ result: "OK" })
    }
    expect(await (await call("/strlen/bytes")).json()).toEqual({ result: NOT_UTF8.length })
    expect(await (await call("/ttl/bytes")).json()).toEqual({ result: 60 })
  })

  it("answers HEAD without a body", async () => {
    const response = await call("/ping", { method: "HEAD" })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe("")
  })
})

describe("reply formats", () => {
  beforeEach(async () => {
    await call("/set/bytes", { method: "POST", body: NOT_UTF8 })
  })

  it("Upstash-Encoding: base64 holds for every string, at any depth", async () => {
    const headers = { "Upstash-Encoding": "base64" }
    const script = "return {'a', {'b', 1, false}, redis.call('GET', 'bytes'), redis.status_reply('OK')}"
    const { result } = (await (await post("/", ["EVAL", script, 0], headers)).json()) as { result: unknown }
    expect(result).toEqual(["YQ==", ["Yg==", 1, null], NOT_UTF8.toString("base64"), "T0s="])
    expect(await (await post("/", ["PING"], headers)).json()).toEqual({ result: "UE9ORw==" })
    const transaction = [
      ["SET", "k", "v"],
      ["GET", "bytes"],
      ["LPOP", "k"],
    ]
    expect(await (await post("/multi-exec", transaction, headers)).json()).toEqual([
      { result: "OK" },
      { result: NOT_UTF8.toString("base64") },
      { error: "WRONGTYPE Operation against a key holding the wrong kind of value" },
    ])
  })

  it("Upstash-Response-Format: resp2 is the bytes that Redis sent", async () => {
    const headers = { "Upstash-Response-Format": "resp2" }
    const response = await call("/get/bytes", { headers })
    expect(response.headers.get("content-type")).toBe("application/octet-stream")
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(bytes).toEqual(Buffer.concat([Buffer.from("$7\r\n"), NOT_UTF8, Buffer.from("\r\n")]))
    const pipeline = await post("/pipeline", [["INCR", "n"], ["PING"], ["INCR"], ["GET", "no"]], headers)
    expect(await pipeline.text()).toBe(
      "*4\r\n:1\r\n+PONG\r\n-ERR wrong number of arguments for 'incr' command\r\n$-1\r\n",
    )
    expect((await post("/multi-exec", [["PING"]], headers)).status).toBe(400)
  })

  it("integers keep all their 64 bits", async () => {
    const text = await (await post("/", ["INCRBY", "n", "9223372036854775807"])).text()
    expect(text).toBe('{"result":9223372036854775807}')
  })
})

describe("what is refused", () => {
  it("a missing or wrong token, on every path", async () => {
    for (const path of ["/", "/pipeline", "/multi-exec", "/subscribe/c", "/get/k", "/get/k?_token=wrong"]) {
      for (const headers of [{ authorization: "" }, { authorization: "Bearer test-token2" }]) {
        const response = await call(path, { method: "POST", headers })
        expect(response.status, path).toBe(401)
        expect(await response.json()).toEqual({ error: "WRONGPASS invalid or missing auth token" })
      }
    }
    expect((await fetch(`${gateway.url}/ping?_token=${gateway.token}`)).status).toBe(200)
    expect(commands).toEqual(["ping"])
  })

  it("other methods", async () => {
    for (const [method, path] of [
      ["DELETE", "/get/k"],
      ["PATCH", "/"],
      ["OPTIONS", "/"],
      ["GET", "/pipeline"],
    ] as const) {
      const response = await call(path, { method })
      expect(response.status, `${method} ${path}`).toBe(405)
      expect(await response.json()).toEqual({ error: expect.any(String) })
    }
  })

  it.each([
    ["SUBSCRIBE", "c"],
    ["psubscribe", "c"],
    ["MONITOR"],
    ["MULTI"],
    ["EXEC"],
    ["WATCH", "k"],
    ["SELECT", "1"],
    ["AUTH", "x"],
    ["HELLO", "3"],
    ["CLIENT", "REPLY", "OFF"],
    ["CONFIG", "GET", "*"],
    ["SHUTDOWN"],
    ["BLPOP", "k", "0"],
    ["BLMPOP", "0", "1", "k", "LEFT"],
    ["BZPOPMIN", "k", "0"],
    ["WAIT", "1", "0"],
    ["XREAD", "COUNT", "1", "BLOCK", "0", "STREAMS", "s", "$"],
    ["XREADGROUP", "GROUP", "g", "c", "block", "0", "STREAMS", "s", ">"],
    ["SCRIPT", "DEBUG", "YES"],
  ])("%s as a command", async (...command) => {
    const response = await post("/", command)
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: expect.stringContaining("ERR Command is not available") })
    expect((await post("/multi-exec", [["PING"], command])).status).toBe(400)
    const inPipeline = (await (await post("/pipeline", [command, ["PING"]])).json()) as object[]
    expect(inPipeline).toEqual([{ error: expect.any(String) }, { result: "PONG" }])
  })

  it("but not a group, a consumer or a stream that is called BLOCK", async () => {
    await post("/", ["XGROUP", "CREATE", "BLOCK", "BLOCK", "$", "MKSTREAM"])
    const response = await post("/", ["XREADGROUP", "GROUP", "BLOCK", "BLOCK", "STREAMS", "BLOCK", ">"])
    expect(await response.json()).toEqual({ result: null })
  })

  it.each([[["SET", "k", null]], [["SET", "k", { a: 1 }]], [["SET", ["k"], 1]], [[]], [{}], [7], ["PING"]])(
    "%j as a body",
    async (body) => {
      for (const path of ["/", "/pipeline", "/multi-exec"]) {
        const response = await post(path, path === "/" ? body : [["PING"], body])
        expect(response.status).toBe(400)
        expect(await response.json()).toEqual({ error: expect.stringMatching(/^ERR/) })
      }
      expect(commands).toEqual([])
    },
  )

  it("a body that is not JSON", async () => {
    for (const body of ["", "[", "not json"]) {
      const response = await call("/", { method: "POST", body })
      expect(response.status).toBe(400)
      expect(await response.json()).toEqual({ error: expect.stringMatching(/^ERR/) })
    }
  })

  it("a request above 10 MB, with a declared length or without, and takes one of 10 MB", async () => {
    const tooLarge = Buffer.alloc(10 * 1024 * 1024 + 1, 120)
    const chunked = new ReadableStream({
      start(controller) {
        controller.enqueue(tooLarge)
        controller.close()
      },
    })
    for (const init of [{ body: tooLarge }, { body: chunked, duplex: "half" as const }]) {
      const response = await call("/set/large", { method: "POST", ...init })
      expect(response.status).toBe(413)
      expect(await response.json()).toEqual({ error: expect.stringContaining("max request size") })
    }
    const response = await call("/set/large", { method: "POST", body: tooLarge.subarray(1) })
    expect(await response.json()).toEqual({ result: "OK" })
  })
})

describe("details a client relies on", () => {
  it("numbers and booleans as arguments become strings", async () => {
    await post("/", ["RPUSH", "l", 1, 1.5, true, false, ""])
    expect(await (await post("/", ["LRANGE", "l", 0, -1])).json()).toEqual({
      result: ["1", "1.5", "true", "false", ""],
    })
  })

  it("a Redis error comes verbatim with 400", async () => {
    const response = await post("/", ["NOSUCH", "x"])
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: "ERR unknown command 'NOSUCH', with args beginning with: 'x' " })
  })

  it("every answer carries a new upstash-sync-token", async () => {
    const tokens = await Promise.all([1, 2, 3].map(async () => (await call("/ping")).headers.get("upstash-sync-token")))
    expect(new Set(tokens).size).toBe(3)
    expect(tokens).not.toContain(null)
  })

  it("onCommand sees what Upstash would bill", async () => {
    await post("/", ["SET", "a", 1])
    await post("/pipeline", [
      ["GET", "a"],
      ["BLPOP", "a", 0],
    ])
    await post("/multi-exec", [
      ["INCR", "a"],
      ["DEL", "a"],
    ])
    expect(commands).toEqual(["SET", "GET", "INCR", "DEL"])
  })
})
