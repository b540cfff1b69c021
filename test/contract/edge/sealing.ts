import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { JobStore } from "../../../src/lib/queue/job-store.ts"
import { createSealer } from "../../../src/lib/redis/sealed-bytes.ts"
import { FakeClassifier } from "../../support/edge/edge-classifier.ts"
import { type Backend, type EdgeRuntime, edgeEnv, type RunningEdge } from "../../support/edge/edge-runtime.ts"
import { concat, noise } from "../../support/images/edge-images.ts"
import { DEFAULT_STORE_LIMITS } from "../../support/store/store-limits.ts"
import { expectProblem, expectTicket, picture } from "./client.ts"

const SECRET = "a-payload-secret-of-thirty-two-or-more"
const OVERHEAD_BYTES = createSealer([SECRET]).overheadBytes

/** An edge that keeps pictures from who runs the Redis. */
export function sealingContract(name: string, runtime: EdgeRuntime): void {
  describe(`the edge ${name}, with a PAYLOAD_SECRET`, () => {
    let backend: Backend
    let classifier: FakeClassifier
    let edge: RunningEdge
    const image = concat([picture(), noise(50_000)])
    beforeAll(async () => {
      backend = await runtime.startBackend()
      classifier = new FakeClassifier(backend)
      await classifier.arrive()
      // Two of one caller, whose share is half.
      const maxBytes = 4 * (image.length + OVERHEAD_BYTES)
      const env = { PAYLOAD_SECRET: `${SECRET},${"x".repeat(32)}`, MAX_QUEUE_BYTES: String(maxBytes) }
      edge = await runtime.openEdge(await edgeEnv(backend, env))
    })
    afterAll(async () => {
      await edge?.close()
      await backend?.stop()
    })
    const post = (body: Uint8Array<ArrayBuffer>) => edge.request("/v1/classifications", { method: "POST", body })

    it("stores no byte of a picture that Redis could read, and a classifier with the secret opens all of them", async () => {
      await expectTicket(await post(image), 202)
      const [key = ""] = await classifier.payloadKeys()
      const stored = (await classifier.redis.getBytes(key)) ?? new Uint8Array()
      expect(stored.length).toBe(image.length + OVERHEAD_BYTES)
      for (let at = 0; at + 16 <= image.length; at += 997)
        expect(holds(stored, image.subarray(at, at + 16))).toBe(false)

      const [job] = await classifier.claim()
      const store = (secrets: string[]) =>
        new JobStore(classifier.redis, classifier.keys, DEFAULT_STORE_LIMITS, createSealer(secrets))
      expect(await store([SECRET]).getPayload(job?.payloadId ?? "")).toEqual(image)
      await expect(store([]).getPayload(job?.payloadId ?? "")).rejects.toMatchObject({ code: "payload_unreadable" })
    })

    it("counts the bytes that lie in Redis, and refuses what would be too many of them", async () => {
      const uploads = [1, 2, 3].map((i) => concat([picture(), noise(50_000, i)]))
      for (const body of uploads.slice(1)) await expectTicket(await post(body), 202)
      const { bytes } = (await (await edge.request("/v1/queue")).json()) as { bytes: number }
      expect(bytes).toBe(2 * (image.length + OVERHEAD_BYTES))
      await expectProblem(await post(uploads[0] ?? picture()), 429, "caller_bytes_full")
    })
  })
}

function holds(bytes: Uint8Array, piece: Uint8Array): boolean {
  for (let at = bytes.indexOf(piece[0] ?? 0); at >= 0; at = bytes.indexOf(piece[0] ?? 0, at + 1)) {
    if (piece.every((byte, i) => bytes[at + i] === byte)) return true
  }
  return false
}
