import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { hashApiKey, newApiKey } from "../../../src/lib/callers/api-key.ts"
import { ApiKeyStore } from "../../../src/lib/callers/api-key-store.ts"
import { FakeClassifier } from "../../support/edge/edge-classifier.ts"
import {
  ALICE,
  type Backend,
  BOB,
  type EdgeRuntime,
  edgeEnv,
  type RunningEdge,
} from "../../support/edge/edge-runtime.ts"
import { concat, pngHeader } from "../../support/images/edge-images.ts"
import { bearer, expectProblem, expectTicket, picture } from "./client.ts"

/** An edge that lets each caller submit only so often. */
export function rateContract(name: string, runtime: EdgeRuntime): void {
  describe(`the edge ${name}, with a RATE_LIMIT`, () => {
    let backend: Backend
    let classifier: FakeClassifier
    let edge: RunningEdge
    beforeAll(async () => {
      backend = await runtime.startBackend()
      classifier = new FakeClassifier(backend)
      await classifier.arrive()
      edge = await runtime.openEdge(await edgeEnv(backend, { RATE_LIMIT: "3/1h" }))
    })
    afterAll(async () => {
      await edge?.close()
      await backend?.stop()
    })
    type Fields = Record<string, string>
    const post = (headers: Fields = {}, path = "/v1/classifications") =>
      edge.request(path, { method: "POST", body: picture(), headers })

    async function expectRefused(response: Response): Promise<void> {
      expect(response.headers.get("ratelimit-policy")).toBe('"submit";q=3;w=3600')
      expect(response.headers.get("ratelimit")).toMatch(/^"submit";r=0;t=(3600|35\d\d)$/)
      const retryAfterS = Number(response.headers.get("retry-after"))
      expect(retryAfterS).toBeGreaterThan(1_100)
      expect(retryAfterS).toBeLessThanOrEqual(1_200)
      const { detail } = await expectProblem(response, 429, "rate_limited")
      expect(detail).toContain("3 pictures in 3600 s")
    }

    it("counts down in the headers, then refuses with 429, Retry-After and the limit", async () => {
      for (const left of [2, 1, 0]) {
        const response = await post(bearer(ALICE))
        expect(response.headers.get("ratelimit-policy")).toBe('"submit";q=3;w=3600')
        expect(response.headers.get("ratelimit")).toMatch(new RegExp(`^"submit";r=${left};t=\\d+$`))
        await expectTicket(response, 202)
      }
      await expectRefused(await post(bearer(ALICE)))
      await expectRefused(await post(bearer(ALICE), "/predict"))
    })

    it("does not count reading, and says nothing of a limit there", async () => {
      const accepted = await post(bearer(BOB))
      const ticket = await expectTicket(accepted, 202)
      for (let i = 0; i < 10; i++) {
        const response = await edge.request(`/v1/classifications/${ticket.id}`, { headers: bearer(BOB) })
        expect(response.status).toBe(200)
        expect(response.headers.get("ratelimit")).toBeNull()
        expect(response.headers.get("ratelimit-policy")).toBeNull()
      }
      expect((await post(bearer(BOB))).headers.get("ratelimit")).toMatch(/r=1;/)
    })

    it("counts a picture by the work that it makes, and says so", async () => {
      const key = await newApiKey()
      const record = { name: "henry", weight: 1, rateLimit: "10/1h", createdMs: Date.now() }
      await new ApiKeyStore(classifier.redis, classifier.keys).create(record, await hashApiKey(key))
      const large = () =>
        concat([pngHeader({ width: 5_000, height: 5_000 }), crypto.getRandomValues(new Uint8Array(8))])
      const send = (body: Uint8Array<ArrayBuffer>) =>
        edge.request("/v1/classifications", { method: "POST", body, headers: bearer(key) })
      expect((await send(picture())).headers.get("ratelimit")).toMatch(/r=9;/)
      expect((await send(large())).headers.get("ratelimit")).toMatch(/r=4;/)
      const refused = await send(large())
      expect(refused.headers.get("ratelimit")).toMatch(/r=4;/)
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(300)
      const { detail } = await expectProblem(refused, 429, "rate_limited")
      expect(detail).toContain("10 pictures in 3600 s, and the work on this one counts as 5")
      await expectTicket(await send(picture()), 202)
    })

    it("counts a list as one submit, whatever its length", async () => {
      const key = await newApiKey()
      const record = { name: "grace", weight: 1, rateLimit: "2/1h", createdMs: Date.now() }
      await new ApiKeyStore(classifier.redis, classifier.keys).create(record, await hashApiKey(key))
      const postList = (body: string) =>
        edge.request("/v1/batches", {
          method: "POST",
          body,
          headers: { ...bearer(key), "content-type": "text/csv" },
        })
      const list = (rows: number) =>
        ["url", ...Array.from({ length: rows }, (_v, i) => `https://example.com/${i}.jpg`)].join("\n")
      expect((await postList(list(5))).headers.get("ratelimit")).toMatch(/r=1;/)
      expect((await postList(list(1))).status).toBe(202)
      await expectProblem(await postList(list(1)), 429, "rate_limited")
      await expectProblem(await post(bearer(key)), 429, "rate_limited")
    })

    it("does not count what it refuses for another reason, as long as that is no more than may be submitted", async () => {
      const key = await newApiKey()
      const record = { name: "ivan", weight: 1, rateLimit: "4/1h", createdMs: Date.now() }
      await new ApiKeyStore(classifier.redis, classifier.keys).create(record, await hashApiKey(key))
      const refuse = () =>
        edge.request("/v1/classifications", { method: "POST", body: "no picture", headers: bearer(key) })
      for (let i = 0; i < 3; i++) await expectProblem(await refuse(), 415, "unsupported_image")
      expect((await post(bearer(key))).headers.get("ratelimit")).toMatch(/r=3;/)
      await expectProblem(await refuse(), 415, "unsupported_image")
      const response = await refuse()
      expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(600)
      const { detail } = await expectProblem(response, 429, "rate_limited")
      expect(detail).toContain("4 submits of yours were refused or repeated in 3600 s")
      for (let i = 0; i < 2; i++) {
        const response = await edge.request("/v1/classifications", { method: "POST", body: "no picture" })
        expect(response.headers.get("ratelimit-policy")).toBe('"submit";q=3;w=3600')
        await expectProblem(response, 415, "unsupported_image")
      }
      expect((await post()).headers.get("ratelimit")).toMatch(/r=2;/)
    })

    it("hears repeats only as often as submits", async () => {
      const key = await newApiKey()
      const record = { name: "judy", weight: 1, rateLimit: "2/1h", createdMs: Date.now() }
      await new ApiKeyStore(classifier.redis, classifier.keys).create(record, await hashApiKey(key))
      const body = picture()
      const headers = { ...bearer(key), "idempotency-key": "again" }
      const repeat = () => edge.request("/v1/classifications", { method: "POST", body, headers })
      for (let i = 0; i < 3; i++) await expectTicket(await repeat(), 202)
      await expectProblem(await repeat(), 429, "rate_limited")
    })

    it("holds a key to limits of its own", async () => {
      const key = await newApiKey()
      const record = { name: "frank", weight: 1, rateLimit: "5/10s", maxDepth: 2, createdMs: Date.now() }
      await new ApiKeyStore(classifier.redis, classifier.keys).create(record, await hashApiKey(key))
      const first = await post(bearer(key))
      expect(first.headers.get("ratelimit-policy")).toBe('"submit";q=5;w=10')
      expect(first.headers.get("ratelimit")).toMatch(/r=4;/)
      await expectTicket(first, 202)
      await expectTicket(await post(bearer(key)), 202)
      await expectProblem(await post(bearer(key)), 429, "caller_queue_full")
    })

    it("refuses who was refused again without its Redis, and before the picture is sent", async () => {
      await expectRefused(await post(bearer(ALICE)))
      await backend.kill()
      await expectRefused(await post(bearer(ALICE)))
      await expectProblem(await post(bearer(BOB)), 503, "redis_unavailable")
    })
  })
}
