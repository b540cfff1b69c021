import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { hashApiKey, newApiKey } from "../../../src/lib/callers/api-key.ts"
import { ApiKeyStore } from "../../../src/lib/callers/api-key-store.ts"
import type { Ticket } from "../../../src/lib/tickets/ticket.ts"
import { FakeClassifier } from "../../support/edge/edge-classifier.ts"
import {
  ALICE,
  type Backend,
  BOB,
  type EdgeRuntime,
  edgeEnv,
  type RunningEdge,
} from "../../support/edge/edge-runtime.ts"
import { bearer, expectProblem, expectTicket, picture } from "./client.ts"

/** An edge that is told to take less. */
export function limitContract(name: string, runtime: EdgeRuntime): void {
  describe(`the edge ${name}, with limits`, () => {
    let backend: Backend
    let classifier: FakeClassifier
    beforeAll(async () => {
      backend = await runtime.startBackend()
      classifier = new FakeClassifier(backend)
      await classifier.arrive()
    })
    afterAll(() => backend?.stop())

    async function withEdge(overrides: Record<string, string>, use: (edge: RunningEdge) => Promise<void>) {
      const edge = await runtime.openEdge(await edgeEnv(backend, overrides))
      try {
        await use(edge)
      } finally {
        await edge.close()
        await classifier.claim() // the next test begins with nothing waiting
      }
    }
    const post = (edge: RunningEdge, headers: Record<string, string> = {}) =>
      edge.request("/v1/classifications", { method: "POST", body: picture(), headers })

    it("refuses with 503 and Retry-After when the queue is full, and keeps nothing", async () => {
      await withEdge({ MAX_QUEUE_DEPTH: "2" }, async (edge) => {
        for (let i = 0; i < 2; i++) await expectTicket(await post(edge), 202)
        const before = await classifier.payloadKeys()
        const response = await post(edge, bearer(ALICE))
        expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0)
        await expectProblem(response, 503, "queue_full")
        expect((await classifier.payloadKeys()).sort()).toEqual(before.sort())
      })
    })

    it("refuses with 422 what would be too much to make of the picture, and keeps nothing", async () => {
      await withEdge({}, async (edge) => {
        const before = await classifier.payloadKeys()
        const ask = (options: string) =>
          edge.request(`/v1/classifications?operation=resize&${options}`, { method: "POST", body: picture() })
        await expectProblem(await ask("width=7000&height=7000&format=avif&quality=100"), 422, "too_many_pixels")
        await expectProblem(await ask("width=16000&format=png&fit=inside"), 422, "too_many_pixels")
        await expectProblem(await ask("width=5000&height=5000&format=npy"), 422, "output_too_large")
        expect((await classifier.payloadKeys()).sort()).toEqual(before.sort())
        const { id } = await expectTicket(await ask("width=7000&height=7000&fit=fill&format=jpeg"), 202)
        await edge.request(`/v1/classifications/${id}`, { method: "DELETE" })
      })
    })

    it("refuses with 503 when what waits has too many bytes", async () => {
      await withEdge({ MAX_QUEUE_BYTES: "100" }, async (edge) => {
        await expectTicket(await post(edge), 202)
        await expectProblem(await post(edge), 503, "queue_full")
      })
    })

    it("refuses with 429 the caller whose waiting images fill half of what all may, and nobody else", async () => {
      await withEdge({ MAX_QUEUE_BYTES: String(3 * picture().length) }, async (edge) => {
        await expectTicket(await post(edge, bearer(ALICE)), 202)
        await expectProblem(await post(edge, bearer(ALICE)), 429, "caller_bytes_full")
        await expectTicket(await post(edge, bearer(BOB)), 202)
      })
    })

    it("refuses with 503 when there is no room for what is kept of jobs, and keeps nothing", async () => {
      await withEdge({ MAX_RESULT_BYTES: "1" }, async (edge) => {
        const before = await classifier.payloadKeys()
        const response = await post(edge, bearer(ALICE))
        expect(response.headers.get("retry-after")).toBe("60")
        await expectProblem(response, 503, "results_full")
        expect((await classifier.payloadKeys()).sort()).toEqual(before.sort())
      })
    })

    it("refuses with 429 and Retry-After the caller who has too much waiting, and nobody else", async () => {
      await withEdge({ MAX_QUEUE_DEPTH_PER_CALLER: "1" }, async (edge) => {
        await expectTicket(await post(edge, bearer(ALICE)), 202)
        const before = await classifier.payloadKeys()
        const response = await post(edge, bearer(ALICE))
        expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0)
        await expectProblem(response, 429, "caller_queue_full")
        // For a second this is known before the picture is read.
        const again = await edge.request("/v1/classifications", { method: "POST", body: "x", headers: bearer(ALICE) })
        await expectProblem(again, 429, "caller_queue_full")
        expect((await classifier.payloadKeys()).sort()).toEqual(before.sort())
        await expectTicket(await post(edge, bearer(BOB)), 202)
      })
    })

    it("refuses with 429 the caller whose lists fill half of what all may, counts a repeated one once, and gives back", async () => {
      await withEdge({ MAX_QUEUE_BYTES: "2000" }, async (edge) => {
        const send = (name: string, chars: number, key = ALICE) =>
          edge.request("/v1/batches?operation=inspect", {
            method: "POST",
            body: `url,note\nhttps://a.example/${name},${"x".repeat(chars)}`,
            headers: { "content-type": "text/csv", "idempotency-key": name, ...bearer(key) },
          })
        const first = await send("a", 600)
        expect(first.status).toBe(202)
        const { id } = (await first.json()) as { id: string }
        for (let again = 0; again < 3; again++) expect((await send("a", 600)).status).toBe(202)
        await expectProblem(await send("b", 500), 429, "caller_bytes_full")
        expect((await send("b", 500, BOB)).status).toBe(202)
        await edge.request(`/v1/batches/${id}`, { method: "DELETE", headers: bearer(ALICE) })
        expect((await send("c", 500)).status).toBe(202)
      })
    })

    it("refuses anonymous callers where they are not allowed, but tells them that it is alive", async () => {
      await withEdge({ ALLOW_ANONYMOUS: "false" }, async (edge) => {
        const response = await post(edge)
        expect(response.headers.get("www-authenticate")).toMatch(/^Bearer /)
        await expectProblem(response, 401, "unauthorized")
        expect((await edge.request("/readyz")).status).toBe(200)
        await expectTicket(await post(edge, bearer(ALICE)), 202)
      })
    })

    it("says that it is not ready, and refuses work, as long as nobody may send any", async () => {
      await withEdge({ ALLOW_ANONYMOUS: "", API_KEYS: "" }, async (edge) => {
        const response = await edge.request("/readyz")
        const { detail } = await expectProblem(response, 503, "no_keys")
        expect(detail).toMatch(/claimcheck keys create.*ALLOW_ANONYMOUS=true/)
        expect((await edge.request("/healthz")).status).toBe(200)
        await expectProblem(await post(edge), 401, "unauthorized")
        await expectProblem(await edge.request("/predict", { method: "POST", body: picture() }), 401, "unauthorized")

        const key = await newApiKey()
        const record = { name: "erin", weight: 1, createdMs: Date.now() }
        await new ApiKeyStore(classifier.redis, classifier.keys).create(record, await hashApiKey(key))
        // What was seen a moment ago is not asked again.
        await expect.poll(async () => (await edge.request("/readyz")).status, { timeout: 5_000 }).toBe(200)
        await expectTicket(await post(edge, bearer(key)), 202)
      })
    })

    it("signs tickets with the newest TICKET_SECRET, and still takes those of the one before", async () => {
      const [older, newer] = ["the-secret-of-last-year", "the-secret-of-this-year"]
      const tickets: Ticket[] = []
      for (const TICKET_SECRET of [older, `${newer},${older}`]) {
        await withEdge({ TICKET_SECRET }, async (edge) => void tickets.push(await expectTicket(await post(edge), 202)))
      }
      const statuses = (edge: RunningEdge) =>
        Promise.all(tickets.map(async ({ id }) => (await edge.request(`/v1/classifications/${id}`)).status))
      await withEdge({ TICKET_SECRET: `${newer},${older}` }, async (edge) =>
        expect(await statuses(edge)).toEqual([200, 200]),
      )
      await withEdge({ TICKET_SECRET: newer }, async (edge) => expect(await statuses(edge)).toEqual([404, 200]))
      await withEdge({ TICKET_SECRET: older }, async (edge) => expect(await statuses(edge)).toEqual([200, 404]))
    })
  })
}
