import { describe, expect, it } from "vitest"
import { newApiKey } from "../../../src/lib/callers/api-key.ts"
import { newJobId } from "../../../src/lib/queue/job-id.ts"
import { createTicketIds } from "../../../src/lib/tickets/ticket-id.ts"
import { FakeClassifier } from "../../support/edge/edge-classifier.ts"
import { type EdgeRuntime, edgeEnv, type RunningEdge } from "../../support/edge/edge-runtime.ts"
import { segment } from "../../support/images/edge-images.ts"
import { bearer, expectProblem, expectTicket, picture, until } from "./client.ts"

/** An edge whose Redis is gone. */
export function outageContract(name: string, runtime: EdgeRuntime): void {
  describe(`the edge ${name}, without its Redis`, () => {
    it("answers 503 soon when nobody listens at the address, and stays alive", async () => {
      const edge = await runtime.openEdge(await edgeEnv({ url: "http://127.0.0.1:1", token: "t" }))
      try {
        expect((await edge.request("/healthz")).status).toBe(200)
        for (const call of callsThatNeedRedis(edge)) await expectUnavailable(call)
        await expectAnswersWithoutRedis(edge)
      } finally {
        await edge.close()
      }
    })

    it("answers 503 soon when Redis is gone or silent, and accepts again when it is back", async () => {
      const backend = await runtime.startBackend()
      const edge = await runtime.openEdge(await edgeEnv(backend))
      try {
        await new FakeClassifier(backend).arrive()
        const post = () => edge.request("/v1/classifications", { method: "POST", body: picture() })
        const ticket = await expectTicket(await post(), 202)
        await backend.pause()
        const large = picture({ before: new Array(100).fill(segment(0xfe, new Array(60_000).fill(0))) })
        const read = () => edge.request(`/v1/classifications/${ticket.id}`)
        await Promise.all([...callsThatNeedRedis(edge), read].map(expectUnavailable))
        await expectUnavailable(() => edge.request("/v1/classifications", { method: "POST", body: large }))
        await backend.resume()
        await expectTicket(await post(), 202)
        await backend.kill()
        for (const call of callsThatNeedRedis(edge)) await expectUnavailable(call)
        await expectUnavailable(read)
        expect(edge.logged()).not.toContain(ticket.id)
      } finally {
        await edge.close()
        await backend.stop()
      }
    })

    it("gives the ticket of what was accepted, although Redis goes while its caller waits", async () => {
      const backend = await runtime.startBackend()
      const edge = await runtime.openEdge(await edgeEnv(backend))
      const classifier = new FakeClassifier(backend)
      try {
        await classifier.arrive()
        const answer = edge.request("/v1/classifications", {
          method: "POST",
          body: picture(),
          headers: { prefer: "wait=2" },
        })
        await until(async () => (await classifier.claim()).length > 0)
        await backend.kill()
        expect((await expectTicket(await answer, 202)).done).toBe(false)
      } finally {
        await edge.close()
        await backend.stop()
      }
    })
  })
}

function callsThatNeedRedis(edge: RunningEdge): (() => Promise<Response>)[] {
  return [
    () => edge.request("/readyz"),
    () => edge.request("/v1/queue"),
    () => edge.request("/v1/classifications", { method: "POST", body: picture() }),
    () => edge.request("/predict", { method: "POST", body: picture() }),
  ]
}

/** Without a deadline of the edge's own it would be as long as `fetch` waits, minutes: the test would run out of its time. */
async function expectUnavailable(call: () => Promise<Response>): Promise<void> {
  const response = await call()
  expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0)
  await expectProblem(response, 503, "redis_unavailable")
}

/** What was never one of ours is refused by itself: nobody can make Redis work with it. */
async function expectAnswersWithoutRedis(edge: RunningEdge): Promise<void> {
  const jobId = newJobId(Date.now())
  const forged = await createTicketIds(["a-secret-that-is-not-ours"]).sign(jobId)
  for (const id of [forged, `cls_${jobId}`, "x"]) {
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["GET", "/deliveries"],
      ["POST", "/deliveries"],
    ]) {
      const response = await edge.request(`/v1/classifications/${id}${path}`, { method: method ?? "GET" })
      await expectProblem(response, 404, "not_found")
    }
  }
  const key = await newApiKey()
  const mistyped = key.slice(0, -1) + (key.endsWith("0") ? "1" : "0")
  for (const [token, code] of [
    [mistyped, "mistyped_key"],
    ["nobody", "unknown_key"],
  ] as const) {
    await expectProblem(await edge.request("/v1/queue", { headers: bearer(token) }), 401, code)
  }
  await expectUnavailable(() => edge.request("/v1/queue", { headers: bearer(key) }))
}
