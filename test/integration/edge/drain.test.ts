import { afterAll, beforeAll, expect, it } from "vitest"
import { untilDrained } from "../../../src/cli/admin/drain-command.ts"
import { Operator } from "../../../src/lib/queue/operator.ts"
import { createKeys } from "../../../src/lib/redis/keys.ts"
import { AWAKE, FakeClassifier } from "../../support/edge/edge-classifier.ts"
import { openInProcess } from "../../support/edge/edge-in-process.ts"
import { edgeEnv } from "../../support/edge/edge-runtime.ts"
import { uniqueJpeg } from "../../support/images/edge-images.ts"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../support/redis/redis-server.ts"
import { DEFAULT_STORE_LIMITS } from "../../support/store/store-limits.ts"

let server: TestRedis
let gateway: TestGateway
beforeAll(async () => {
  server = await startRedis()
  gateway = await startGateway({ redisUrl: server.url })
})
afterAll(async () => {
  await gateway?.close()
  await server?.stop()
})

it("claimcheck drain has edges refuse what is new, waits for what is there, and can be taken back", async () => {
  const classifier = new FakeClassifier(gateway)
  await classifier.arrive()
  const operator = new Operator(classifier.redis, createKeys(), DEFAULT_STORE_LIMITS)
  const open = async () => openInProcess(await edgeEnv(gateway))
  const submit = async (edge: Awaited<ReturnType<typeof open>>) =>
    edge.request(`/v1/classifications?model=${AWAKE}`, { method: "POST", body: uniqueJpeg() })
  const accepted = await submit(await open())
  expect(accepted.status).toBe(202)

  await operator.drain(true)
  // One that has just read the registry reads it again within ten seconds.
  const edge = await open()
  const list = { method: "POST", body: "url\nhttps://example.com/a.jpg", headers: { "content-type": "text/csv" } }
  for (const refused of [await submit(edge), await edge.request("/v1/batches", list)]) {
    expect(refused.status).toBe(503)
    expect(refused.headers.get("retry-after")).toBe("30")
    expect(await refused.json()).toMatchObject({ code: "draining" })
  }

  const told: number[] = []
  const { signal } = new AbortController()
  const tell = ({ waiting }: { waiting: number }) => {
    told.push(waiting)
    if (waiting > 0) void classifier.work()
  }
  await untilDrained({ operator }, { tell, signal, seenMs: 0 })
  expect([told[0], told.at(-1)]).toEqual([1, 0])
  const ticket = await edge.request(accepted.headers.get("location") ?? "")
  expect(await ticket.json()).toMatchObject({ status: "succeeded" })

  await operator.pause()
  await expect(untilDrained({ operator }, { tell, signal, seenMs: 0 })).rejects.toMatchObject({ code: "paused" })
  await operator.resume()
  await operator.drain(false)
  await operator.pause(AWAKE)
  const waiting = await submit(await open())
  expect(waiting.status).toBe(202)
  await expect(untilDrained({ operator }, { tell, signal, seenMs: 0 })).rejects.toThrow(`resume --model ${AWAKE}`)
  await operator.resume(AWAKE)
  expect((await submit(await open())).status).toBe(202)
})
