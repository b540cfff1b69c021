import { describe, expect, it } from "vitest"
import { succeed } from "../../support/edge/edge-classifier.ts"
import { ALICE, BOB } from "../../support/edge/edge-runtime.ts"
import { bearer, type EdgeClient, expectProblem, expectTicket, picture } from "./client.ts"

/** The same again: by its key, and by its content. */
export function repeatContract(client: EdgeClient): void {
  const { post, submit, drop, read } = client

  describe("Idempotency-Key", () => {
    const withKey = (key: string, query = "") => ({ headers: { "idempotency-key": key }, query })

    it("gives the same ticket for the same key and payload, before and after it is done", async () => {
      const body = picture()
      const first = await submit(withKey("same"), body)
      expect((await submit(withKey("same"), body)).id).toBe(first.id)
      await client.classifier.work()
      const again = await expectTicket(await post(body, withKey("same")), 200)
      expect(again).toMatchObject({ id: first.id, status: "succeeded" })
      expect(again.cached).toBeUndefined()
    })

    it("gives the same ticket to two that come at once, never a 409", async () => {
      const body = picture()
      const both = await Promise.all([1, 2, 3, 4].map(() => submit(withKey("at-once"), body)))
      expect(new Set(both.map(({ id }) => id)).size).toBe(1)
    })

    it("refuses another payload or other options under the same key, and keeps nothing of them", async () => {
      const body = picture()
      await submit(withKey("taken"), body)
      const before = await client.classifier.payloadKeys()
      await expectProblem(await post(picture(), withKey("taken")), 422, "idempotency_mismatch")
      await expectProblem(await post(body, withKey("taken", "?top_k=2")), 422, "idempotency_mismatch")
      expect((await client.classifier.payloadKeys()).sort()).toEqual(before.sort())
    })

    it("lets a refused repeat never answer for the picture that came with it", async () => {
      const [first, other] = [picture(), picture()]
      await submit(withKey("once"), first)
      await client.classifier.work()
      await expectProblem(await post(other, withKey("once")), 422, "idempotency_mismatch")
      expect((await submit({}, other)).cached).toBeUndefined()
    })

    it("is each caller's own", async () => {
      const body = picture()
      const mine = await submit({ headers: { ...bearer(ALICE), "idempotency-key": "shared" } }, body)
      const theirs = await submit({ headers: { ...bearer(BOB), "idempotency-key": "shared" } }, picture())
      expect(theirs.id).not.toBe(mine.id)
    })

    it("has 1 to 255 characters", async () => {
      expect((await submit(withKey("x".repeat(255)))).done).toBe(false)
      await expectProblem(await post(picture(), withKey("x".repeat(256))), 400, "bad_request")
    })
  })

  describe("answers by content", () => {
    it("gives a known answer at once with 200 and cached: true, unless no-cache is asked for", async () => {
      const body = picture()
      const first = await submit({}, body)
      await client.classifier.work()
      const second = await expectTicket(await post(body), 200)
      expect(second).toMatchObject({ status: "succeeded", cached: true, done: true })
      expect(second.id).not.toBe(first.id)
      expect(second.predictions).toEqual((await read(first)).predictions)
      const fresh = await submit({ headers: { "cache-control": "no-cache" } }, body)
      expect(fresh.cached).toBeUndefined()
    })

    it("is known only from the version of the model that is asked for", async () => {
      const body = picture()
      await submit({}, body)
      await client.classifier.work((job) => {
        const outcome = succeed(job)
        return outcome.state === "failed" ? outcome : { ...outcome, result: { ...outcome.result, modelVersion: "0" } }
      })
      const again = await submit({}, body)
      expect(again).toMatchObject({ status: "queued" })
      await client.classifier.work()
      expect(await expectTicket(await post(body), 200)).toMatchObject({ cached: true, model: { version: "1" } })
    })

    it("holds for the same options only", async () => {
      const body = picture()
      await submit({ query: "?top_k=2" }, body)
      await client.classifier.work()
      await submit({ query: "?top_k=3" }, body)
      await expectTicket(await post(body, { query: "?top_k=2" }), 200)
    })

    it("is never shared between callers", async () => {
      const body = picture()
      await submit({ headers: bearer(ALICE) }, body)
      await client.classifier.work()
      await submit({ headers: bearer(BOB) }, body)
      await submit({}, body)
      await expectTicket(await post(body, { headers: bearer(ALICE) }), 200)
    })

    it("works on the same picture once, and lets each ticket be canceled by itself", async () => {
      await client.classifier.claim()
      const body = picture()
      const [first, second] = [await submit({}, body), await submit({}, body)]
      expect(second.id).not.toBe(first.id)
      expect(second.queue?.position).toBe(first.queue?.position)
      await expectTicket(await drop(first), 200)
      expect(await client.classifier.work()).toHaveLength(1)
      expect((await read(first)).status).toBe("canceled")
      expect(await read(second)).toMatchObject({ status: "succeeded", image: { bytes: body.length } })
    })
  })
}
