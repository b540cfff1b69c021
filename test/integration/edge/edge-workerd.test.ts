import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it, vi } from "vitest"
import { conforming } from "../../contract/conforming-edge.ts"
import { edgeCallContract } from "../../contract/edge-contract.ts"
import { startBackend } from "../../support/edge/edge-backend.ts"
import { FakeClassifier } from "../../support/edge/edge-classifier.ts"
import { openProcess, workerdEdge } from "../../support/edge/edge-process.ts"
import { edgeEnv } from "../../support/edge/edge-runtime.ts"
import { uniqueJpeg } from "../../support/images/edge-images.ts"

const folder = mkdtempSync(join(tmpdir(), "claimcheck-workerd-"))
afterAll(() => rmSync(folder, { recursive: true }))

const openEdge = (env: Record<string, string>) => openProcess(workerdEdge(env, folder), env)

edgeCallContract("under workerd, as npm start runs it", conforming({ startBackend, openEdge }))

describe("workerd on one's own machine", () => {
  it("takes one client for one caller, whatever it writes into CF-Connecting-IP", async () => {
    const backend = await startBackend()
    const edge = await openEdge(await edgeEnv(backend, { RATE_LIMIT: "1/60s" }))
    try {
      const submit = async (address: string) => {
        const headers = { "content-type": "text/csv", "cf-connecting-ip": address }
        const list = { method: "POST", headers, body: "url\nhttps://a.example/1.jpg" }
        return (await edge.request("/v1/batches?operation=inspect", list)).status
      }
      expect([await submit("203.0.113.1"), await submit("203.0.113.2")]).toEqual([202, 429])
    } finally {
      await edge.close()
      await backend.stop()
    }
  })

  it("answers what is in its hands before it leaves", async () => {
    const backend = await startBackend()
    const classifier = new FakeClassifier(backend)
    await classifier.arrive()
    const edge = await openEdge(await edgeEnv(backend))
    try {
      const body = uniqueJpeg() as Uint8Array<ArrayBuffer>
      const waiting = edge.request("/v1/classifications", { method: "POST", body, headers: { prefer: "wait=20" } })
      await vi.waitUntil(() => edge.logged().includes("job.accepted"), { timeout: 10_000 })
      const closing = edge.close()
      await classifier.work()
      expect((await waiting).status).toBe(200)
      await closing
      expect((await edge.ended).code).toBe(0)
    } finally {
      await backend.stop()
    }
  })
})
