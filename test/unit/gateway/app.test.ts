import { describe, expect, it } from "vitest"
import { createGateway, type GatewayOptions } from "../../../src/gateway/app.ts"
import type { RedisLink, Subscription } from "../../../src/gateway/redis/redis-link.ts"
import { createLog } from "../../../src/lib/log.ts"

/** A Redis that is there and says what it is told to. */
function fakeRedis(link: Partial<RedisLink> = {}): RedisLink {
  return {
    isReady: () => true,
    lastError: () => undefined,
    connected: Promise.resolve(),
    send: async () => "OK",
    transact: async () => [],
    subscribe: async () => ({ close: () => undefined }),
    closeSubscriptions: () => undefined,
    close: () => undefined,
    ...link,
  }
}

function gatewayOn(link: Partial<RedisLink>, options: Partial<GatewayOptions> = {}) {
  const app = createGateway({ redis: fakeRedis(link), token: "t", ...options })
  return (path: string, init: RequestInit = {}) =>
    app.request(path, { ...init, headers: { authorization: "Bearer t" } })
}

describe("createGateway()", () => {
  it("hides an error it does not know, and logs it once", async () => {
    const lines: string[] = []
    const log = createLog({ server: "s", script: "gateway", write: (line) => lines.push(line) })
    const send = async () => {
      throw new Error("internal detail")
    }
    const response = await gatewayOn({ send }, { log })("/get/k")
    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({ error: "ERR internal error" })
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain("gateway.request_failed")
  })

  it("refuses with 503 what does not fit beside the requests in progress, and takes it when they are done", async () => {
    const replies: ((reply: string) => void)[] = []
    const send = () => new Promise<string>((resolve) => replies.push(resolve))
    const call = gatewayOn({ send }, { maxRequestBytes: 100, maxBytesInFlight: 150 })
    const upload = { method: "POST", body: "x".repeat(100) }
    for (let round = 1; round <= 2; round++) {
      const taken = call("/set/a", upload)
      await expect.poll(() => replies.length).toBe(round)
      const refused = await call("/set/b", upload)
      expect(refused.status).toBe(503)
      expect(await refused.json()).toEqual({ error: expect.stringContaining("bytes in flight") })
      replies.at(-1)?.("OK")
      expect((await taken).status).toBe(200)
    }
  })

  it("ends a subscription when its reader cancels, and only then", async () => {
    let closed = 0
    let subscription: Subscription | undefined
    const subscribe = async (given: Subscription) => {
      subscription = given
      return { close: () => void closed++ }
    }
    const response = await gatewayOn({ subscribe })("/subscribe/c")
    const reader = response.body?.getReader()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("data: subscribe,c,1\n\n")
    subscription?.onMessage({ name: "c", channel: "c", payload: Buffer.from("hello") })
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("data: message,c,hello\n\n")
    expect(closed).toBe(0)
    await reader?.cancel()
    expect(closed).toBe(1)
  })

  it("ends the stream, and frees its place, when Redis ends the subscription", async () => {
    let subscription: Subscription | undefined
    const subscribe = async (given: Subscription) => {
      subscription = given
      return { close: () => undefined }
    }
    const call = gatewayOn({ subscribe }, { maxStreams: 1 })
    const response = await call("/subscribe/c")
    expect((await call("/subscribe/c")).status).toBe(429)
    subscription?.onEnd()
    expect(await response.text()).toBe("data: subscribe,c,1\n\n")
    const next = await call("/subscribe/c")
    expect(next.status).toBe(200)
    await next.body?.cancel()
  })
})
