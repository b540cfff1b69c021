import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import type { Services } from "../../src/edge/services.ts"
import { ASLEEP, FakeClassifier } from "../support/edge/edge-classifier.ts"
import { openInProcess } from "../support/edge/edge-in-process.ts"
import { type Backend, type EdgeRuntime, edgeEnv } from "../support/edge/edge-runtime.ts"
import { uniqueJpeg } from "../support/images/edge-images.ts"

/** What the edge promises about long times, with a clock that a test moves, and about failures that a test makes. */
export function edgeClockContract(name: string, { startBackend }: Pick<EdgeRuntime, "startBackend">): void {
  describe(`the edge ${name}, with services of a test's own`, () => {
    let backend: Backend
    let classifier: FakeClassifier
    beforeAll(async () => {
      backend = await startBackend()
      classifier = new FakeClassifier(backend)
      await classifier.arrive()
    })
    afterAll(() => backend?.stop())

    /** An edge for which time passes only while it sleeps. */
    async function openWithClock() {
      const clock = { nowMs: Date.now(), sleeps: 0 }
      const sleep = async (ms: number) => {
        clock.nowMs += ms
        clock.sleeps++
      }
      return { clock, edge: openInProcess(await edgeEnv(backend), { now: () => clock.nowMs, sleep }) }
    }
    const upload = (headers: Record<string, string> = {}): RequestInit => ({
      method: "POST",
      body: uniqueJpeg(),
      headers,
    })

    it("POST /predict gives up after 30 s with 503 and the ticket's id, which works", async () => {
      const { clock, edge } = await openWithClock()
      const startMs = clock.nowMs
      const response = await edge.request("/predict", upload())
      expect(response.status).toBe(503)
      expect(response.headers.get("content-type")).toBe("application/problem+json")
      expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0)
      const body = (await response.json()) as { ticket: string; detail: string }
      expect(body).toMatchObject({ success: false, code: "result_pending", status: 503 })
      expect(body.detail).toContain(body.ticket)
      expect(clock.nowMs - startMs).toBe(30_000)
      await classifier.work()
      const ticket = await edge.request(`/v1/classifications/${body.ticket}`)
      expect(await ticket.json()).toMatchObject({ status: "succeeded" })
    })

    it("asks rarely for what nobody works on, although its estimate is short", async () => {
      const { clock, edge } = await openWithClock()
      await edge.request("/predict", upload())
      expect(clock.sleeps).toBeGreaterThan(10)
      expect(clock.sleeps).toBeLessThan(80)
    })

    it("Prefer: wait is cut to 30 s, and says so", async () => {
      const { clock, edge } = await openWithClock()
      const startMs = clock.nowMs
      const response = await edge.request("/v1/classifications", upload({ prefer: "respond-async, wait=9999" }))
      expect(response.status).toBe(202)
      expect(response.headers.get("preference-applied")).toBe("wait=30")
      expect(clock.nowMs - startMs).toBe(30_000)
    })

    it("fails a ticket when its deadline has passed by the time of Redis, whatever its own clock says", async () => {
      const { clock, edge } = await openWithClock()
      const accepted = await edge.request(`/v1/classifications?model=${ASLEEP}&deadline_ms=60000`, upload())
      const path = accepted.headers.get("location") ?? ""
      for (const byMs of [3_600_000, -7_200_000]) {
        clock.nowMs += byMs
        expect(await (await edge.request(path)).json()).toMatchObject({ status: "queued", done: false })
      }
      const key = classifier.keys.job((path.split("cls_")[1] ?? "").slice(0, 26))
      const job = JSON.parse((await classifier.redis.get<string>(key)) ?? "")
      const late = JSON.stringify({ ...job, deadlineMs: Date.now() - 1 })
      await classifier.sdk.set(key, late, { keepTtl: true })
      clock.nowMs = Date.now()
      expect(await (await edge.request(path)).json()).toMatchObject({
        status: "failed",
        done: true,
        error: { code: "deadline_exceeded" },
      })
      await expect(edge.request(path, { method: "DELETE" })).resolves.toMatchObject({ status: 409 })
    })

    it("stamps by the time of Redis, so that no job of an edge whose clock is off is late from the start", async () => {
      vi.useFakeTimers({ toFake: ["Date", "performance"], now: Date.now() - 2 * 3_600_000 })
      try {
        const edge = openInProcess(await edgeEnv(backend))
        const accepted = await edge.request(`/v1/classifications?model=${ASLEEP}`, upload())
        const { created_at } = (await accepted.json()) as { created_at: string }
        vi.useRealTimers()
        expect(Math.abs(Date.parse(created_at) - Date.now())).toBeLessThan(600_000)
      } finally {
        vi.useRealTimers()
      }
    })

    it("answers a failure that nobody foresaw with a 500 that leaks nothing, logged once", async () => {
      const ticketIds: Services["ticketIds"] = {
        sign: () => Promise.reject(new Error("a detail of ours")),
        signAll: () => Promise.reject(new Error("a detail of ours")),
        verify: () => Promise.reject(new Error("a detail of ours")),
      }
      const edge = openInProcess(await edgeEnv(backend), { ticketIds })
      for (const [path, init] of [["/v1/classifications", upload()] as const, ["/predict", upload()] as const]) {
        const response = await edge.request(path, init)
        expect(response.status).toBe(500)
        const body = await response.text()
        expect(JSON.parse(body)).toMatchObject({ code: "internal", status: 500 })
        expect(body).not.toContain("detail of ours")
      }
      const lines = edge.logged().split("\n")
      expect(lines).toHaveLength(2)
      for (const line of lines) {
        expect(JSON.parse(line)).toMatchObject({ level: "error", event: "request.failed", method: "POST" })
        expect(line).toContain("a detail of ours")
      }
    })
  })
}
