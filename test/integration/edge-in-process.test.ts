import { describe, expect, it } from "vitest"
import { DEFAULT_STORE_LIMITS } from "../../src/lib/queue/job-store.ts"
import { Operator } from "../../src/lib/queue/operator.ts"
import { conforming } from "../support/conforming-edge.ts"
import { startBackend } from "../support/edge-backend.ts"
import { FakeClassifier } from "../support/edge-classifier.ts"
import { edgeClockContract } from "../support/edge-clock-contract.ts"
import { edgeContract } from "../support/edge-contract.ts"
import { uniqueJpeg } from "../support/edge-images.ts"
import { openInProcess } from "../support/edge-in-process.ts"
import { edgeEnv } from "../support/edge-runtime.ts"

edgeContract("called in Node", conforming({ startBackend, openEdge: async (env) => openInProcess(env) }))
edgeClockContract("called in Node", { startBackend })

describe("a paused queue", () => {
  it("is told by /readyz, tickets and batches, whose hints do not promise that anything moves", async () => {
    const backend = await startBackend()
    const classifier = new FakeClassifier(backend)
    await classifier.arrive()
    await new Operator(classifier.redis, classifier.keys, DEFAULT_STORE_LIMITS).pause()
    const { openEdge } = conforming({ startBackend, openEdge: async (env) => openInProcess(env) })
    const edge = await openEdge(await edgeEnv(backend))
    const json = async (path: string, init?: RequestInit) => (await edge.request(path, init)).json()
    expect(await json("/readyz")).toEqual({ status: "ready", classifiers: 1, paused: true })
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
})
