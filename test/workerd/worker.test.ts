import { describe, expect, inject, it, vi } from "vitest"
import worker from "../../src/edge/worker.ts"
import { FakeClassifier } from "../support/edge/edge-classifier.ts"
import { edgeEnv } from "../support/edge/edge-runtime.ts"
import { uniqueJpeg } from "../support/images/edge-images.ts"

const CONTEXT = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} }

describe("worker.fetch()", () => {
  it("answers 500 without configuration, and tells the variable to its log alone", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined)
    const response = await worker.fetch(new Request("http://edge.test/healthz"), {}, CONTEXT)
    expect(response.status).toBe(500)
    expect(response.headers.get("content-type")).toBe("application/problem+json")
    const body = await response.text()
    expect(JSON.parse(body)).toMatchObject({ code: "internal", status: 500 })
    expect(body).not.toContain("TICKET_SECRET")
    expect(logged.mock.calls.flat().join()).toContain("TICKET_SECRET is not set")
  })

  it("takes the address that Cloudflare vouches for as the caller", async () => {
    vi.spyOn(console, "log").mockImplementation(() => undefined)
    const backend = inject("workerBackend")
    const env = await edgeEnv(backend)
    const classifier = new FakeClassifier(backend)
    await classifier.arrive()
    const body = uniqueJpeg()
    const statusFrom = async (address: string) => {
      const headers = { "cf-connecting-ip": address, "x-forwarded-for": "192.0.2.1" }
      const request = new Request("http://edge.test/v1/classifications", { method: "POST", body, headers })
      return (await worker.fetch(request, env, CONTEXT)).status
    }
    expect(await statusFrom("198.51.100.1")).toBe(202)
    await classifier.work()
    expect(await statusFrom("198.51.100.1")).toBe(200)
    expect(await statusFrom("198.51.100.2")).toBe(202)
  })
})
