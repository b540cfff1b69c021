import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { ASLEEP, AWAKE, FakeClassifier } from "../../support/edge/edge-classifier.ts"
import { openInProcess } from "../../support/edge/edge-in-process.ts"
import { edgeEnv } from "../../support/edge/edge-runtime.ts"
import { uniqueJpeg } from "../../support/images/edge-images.ts"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../support/redis/redis-server.ts"

let server: TestRedis
let gateway: TestGateway
let classifier: FakeClassifier
beforeAll(async () => {
  server = await startRedis()
  gateway = await startGateway({ redisUrl: server.url })
  classifier = new FakeClassifier(gateway)
})
afterAll(async () => {
  await gateway?.close()
  await server?.stop()
})
beforeEach(async () => {
  await classifier.sdk.flushall()
  await classifier.arrive()
})

/** An edge by the true time, and one whose clock is `aheadMs` ahead. */
async function openEdge(limits: Record<string, string>, aheadMs = 0) {
  const env = { ...(await edgeEnv(gateway)), ...limits }
  return openInProcess(env, aheadMs === 0 ? {} : { now: () => Date.now() + aheadMs })
}
const submit = (edge: Awaited<ReturnType<typeof openEdge>>, model: string, deadlineMs: number) =>
  edge.request(`/v1/classifications?model=${model}&deadline_ms=${deadlineMs}`, { method: "POST", body: uniqueJpeg() })

it.each([
  { what: "all", limits: { MAX_QUEUE_DEPTH: "2" }, of: [AWAKE, AWAKE] },
  { what: "all, by a model that nobody serves", limits: { MAX_QUEUE_DEPTH: "2" }, of: [ASLEEP, ASLEEP] },
  { what: "a caller", limits: { MAX_QUEUE_DEPTH_PER_CALLER: "2" }, of: [AWAKE, AWAKE] },
])("jobs past their deadline do not hold the limit of $what while nothing claims", async ({ limits, of }) => {
  const edge = await openEdge(limits)
  const [late] = await Promise.all(of.map((model) => submit(edge, model, 1)))
  const accepted = await submit(edge, AWAKE, 3_600_000)
  expect(accepted.status, await accepted.clone().text()).toBe(202)
  expect(await (await edge.request(late?.headers.get("location") ?? "")).json()).toMatchObject({
    status: "failed",
    error: { code: "deadline_exceeded" },
  })
})

it("an edge whose clock is ahead fails no job that still has time, and refuses the upload", async () => {
  const edge = await openEdge({ MAX_QUEUE_DEPTH: "1" })
  const waiting = await submit(edge, AWAKE, 60_000)
  const ahead = await openEdge({ MAX_QUEUE_DEPTH: "1" }, 3_600_000)
  expect((await submit(ahead, AWAKE, 3_600_000)).status).toBe(503)
  expect(await (await edge.request(waiting.headers.get("location") ?? "")).json()).toMatchObject({ status: "queued" })
})
