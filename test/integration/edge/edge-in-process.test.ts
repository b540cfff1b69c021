import { describe, expect, it } from "vitest"
import { outputIdOf } from "../../../src/lib/outputs/output-id.ts"
import { StoredOutputs } from "../../../src/lib/outputs/stored-outputs.ts"
import { Operator } from "../../../src/lib/queue/operator.ts"
import { conforming } from "../../contract/conforming-edge.ts"
import { edgeClockContract } from "../../contract/edge-clock-contract.ts"
import { edgeContract } from "../../contract/edge-contract.ts"
import { startBackend } from "../../support/edge/edge-backend.ts"
import { ASLEEP, AWAKE, FakeClassifier } from "../../support/edge/edge-classifier.ts"
import { openInProcess } from "../../support/edge/edge-in-process.ts"
import { edgeEnv } from "../../support/edge/edge-runtime.ts"
import { uniqueJpeg } from "../../support/images/edge-images.ts"
import { DEFAULT_STORE_LIMITS } from "../../support/store/store-limits.ts"

edgeContract("called in Node", conforming({ startBackend, openEdge: async (env) => openInProcess(env) }))
edgeClockContract("called in Node", { startBackend })

describe("an output", () => {
  it("may stand in a page of another origin as <img> where CORS_ORIGINS has any", async () => {
    const backend = await startBackend()
    const classifier = new FakeClassifier(backend)
    await classifier.arrive()
    const env = await edgeEnv(backend)
    const edge = openInProcess({ ...env, CORS_ORIGINS: "https://app.example" })
    const picture = await edge.request("/v1/classifications", { method: "POST", body: uniqueJpeg() })
    const { id } = (await picture.json()) as { id: string }
    const outputs = new StoredOutputs(classifier.redis, classifier.keys, {
      maxBytes: 9,
      maxAllBytes: 1e9,
      ttlMs: 60_000,
    })
    const output = { bytes: new Uint8Array(9), caller: "ip:somebody", contentType: "image/webp", sha256: "5ha" }
    await outputs.put(id.slice(4, 30), output, { nowMs: Date.now() })
    const path = `/v1/outputs/${await outputIdOf(id.slice(4, 30), id)}`
    const policyOf = async (at: typeof edge) => (await at.request(path)).headers.get("cross-origin-resource-policy")
    expect([await policyOf(edge), await policyOf(openInProcess(env))]).toEqual(["cross-origin", "same-origin"])
    expect(picture.headers.get("cross-origin-resource-policy")).toBe("same-origin")
    await backend.stop()
  })
})

describe("a paused queue", () => {
  it("is told by /readyz, tickets and batches, whose hints do not promise that anything moves", async () => {
    const backend = await startBackend()
    const classifier = new FakeClassifier(backend)
    await classifier.arrive()
    await new Operator(classifier.redis, classifier.keys, DEFAULT_STORE_LIMITS).pause()
    const { openEdge } = conforming({ startBackend, openEdge: async (env) => openInProcess(env) })
    const edge = await openEdge(await edgeEnv(backend))
    const json = async (path: string, init?: RequestInit) => (await edge.request(path, init)).json()
    expect(await json("/readyz")).toEqual({ status: "ready", warnings: [], classifiers: 1, paused: true })
    const notice = expect.stringMatching(/^The queue is paused: what waits is kept until 2\S+Z, then what waits fails$/)
    const queue = { position: 0, eta_ms: null, classifiers: 1, notice }
    const ticket = (await json("/v1/classifications", { method: "POST", body: uniqueJpeg() })) as { id: string }
    expect(ticket).toMatchObject({ queue, poll_after_ms: 5_000 })
    expect(await json(`/v1/classifications/${ticket.id}`)).toMatchObject({ queue, poll_after_ms: 5_000 })
    const list = { method: "POST", body: '["https://a.example/1"]' }
    expect(await json("/v1/batches?operation=inspect", list)).toMatchObject({ notice })
    await edge.close()
    await backend.stop()
  })

  it("of one model is told by its tickets and batches and by /v1/queue, and by those of no other", async () => {
    const backend = await startBackend()
    const classifier = new FakeClassifier(backend)
    await classifier.arrive()
    await new Operator(classifier.redis, classifier.keys, DEFAULT_STORE_LIMITS).pause(AWAKE)
    const { openEdge } = conforming({ startBackend, openEdge: async (env) => openInProcess(env) })
    const edge = await openEdge(await edgeEnv(backend))
    const json = async (path: string, init?: RequestInit) => (await edge.request(path, init)).json()
    expect(await json("/readyz")).toMatchObject({ paused: false })
    const notice = expect.stringMatching(new RegExp(`^${AWAKE} is paused: what waits is kept until 2.*Z, then`))
    const submitted = await json(`/v1/classifications?model=${AWAKE}`, { method: "POST", body: uniqueJpeg() })
    expect(submitted).toMatchObject({ queue: { eta_ms: null, notice }, poll_after_ms: 5_000 })
    const list = { method: "POST", body: '["https://a.example/1"]' }
    expect(await json(`/v1/batches?model=${AWAKE}`, list)).toMatchObject({ notice })
    const other = await json(`/v1/classifications?model=${ASLEEP}`, { method: "POST", body: uniqueJpeg() })
    expect(other).toMatchObject({ queue: { notice: expect.stringContaining("No classifier serves") } })
    const models = [
      { id: ASLEEP, paused: false },
      { id: AWAKE, paused: true },
    ]
    expect(await json("/v1/queue")).toMatchObject({ paused: false, models })
    await edge.close()
    await backend.stop()
  })
})
