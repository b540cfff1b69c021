import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { expect, onTestFinished, test } from "vitest"
import { connectRest } from "../../../../src/lib/redis/rest.ts"

test("connectRest() tells a Redis that does not answer in time from one that cannot be reached", async () => {
  const server = createServer(() => undefined).listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const redis = connectRest({ url: `http://127.0.0.1:${port}`, token: "x", timeoutMs: 50 })
  const late = { code: "redis_unavailable", message: "The queue's Redis did not answer in time" }
  await expect(redis.ping()).rejects.toMatchObject(late)
  await expect(redis.getBytes("a")).rejects.toMatchObject(late)
  const away = connectRest({ url: "http://127.0.0.1:1", token: "x" })
  await expect(away.ping()).rejects.toMatchObject({ message: "Cannot reach the queue's Redis" })
})
