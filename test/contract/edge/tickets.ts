import { afterAll, describe, expect, it } from "vitest"
import type { Ticket } from "../../../src/lib/tickets/ticket.ts"
import { ASLEEP, AWAKE, succeed } from "../../support/edge/edge-classifier.ts"
import { type EdgeClient, expectHints, expectProblem, expectTicket, picture, until } from "./client.ts"

/** Reading a ticket, waiting for it, and canceling it. */
export function ticketContract(client: EdgeClient): void {
  const { get, post, submit, drop, read } = client

  describe("GET /v1/classifications/{id}", () => {
    it("gives the answer, best first, when there is one", async () => {
      const queued = await submit()
      await client.classifier.work()
      const response = await get(`/v1/classifications/${queued.id}`)
      const { headers } = response
      expect(await expectTicket(response, 200)).toMatchObject({
        id: queued.id,
        status: "succeeded",
        done: true,
        model: { id: AWAKE, version: "1" },
        attempts: 1,
        predictions: [
          { label: "castle", probability: 0.75, class_index: 483 },
          { label: "church", probability: 0.125, class_index: 497 },
        ],
        timings_ms: { queued: expect.any(Number), fetch: 1, decode: 2, infer: 3, total: expect.any(Number) },
      })
      expect(headers.get("retry-after")).toBeNull()
      expect(headers.get("poll-after-ms")).toBeNull()
    })

    it("gives the reason of a failure", async () => {
      const ticket = await submit()
      await client.classifier.work(() => ({ state: "failed", error: { code: "invalid_image", message: "It is torn" } }))
      expect(await read(ticket)).toMatchObject({
        status: "failed",
        done: true,
        error: { code: "invalid_image", message: "It is torn" },
      })
    })

    it("answers 304 with the same headers while nothing has changed, and 200 when something has", async () => {
      const ticket = await submit()
      const path = `/v1/classifications/${ticket.id}`
      const first = await get(path)
      expectHints(first.headers, await expectTicket(first, 200))
      const etag = first.headers.get("etag") ?? ""
      for (const tag of [etag, etag.replace("W/", ""), `"other", ${etag}`, "*"]) {
        const same = await get(path, { "if-none-match": tag })
        expect(same.status, tag).toBe(304)
        expect(await same.text()).toBe("")
        expect(same.headers.get("etag")).toBe(etag)
        expect(same.headers.get("cache-control")).toBe("private, no-cache")
        expect(Number(same.headers.get("poll-after-ms"))).toBeGreaterThan(0)
        expect(Number(same.headers.get("retry-after"))).toBeGreaterThan(0)
      }
      await client.classifier.work()
      const changed = await get(path, { "if-none-match": etag })
      expect((await expectTicket(changed, 200)).status).toBe("succeeded")
    })

    it("answers 404 for what was never a ticket, is forged, or has expired", async () => {
      const ticket = await submit()
      const forged = ticket.id.slice(0, -1) + (ticket.id.endsWith("0") ? "1" : "0")
      for (const id of ["x", "cls_", forged, ticket.id.toUpperCase(), `${ticket.id}0`, "%E0%A4%A", "%00"]) {
        await expectProblem(await get(`/v1/classifications/${id}`), 404, "not_found")
      }
      const jobId = ticket.id.slice(4, 30)
      await client.classifier.sdk.pexpire(client.classifier.keys.job(jobId), 1)
      await until(async () => (await get(`/v1/classifications/${ticket.id}`)).status === 404)
      await expectProblem(await get(`/v1/classifications/${ticket.id}`), 404, "not_found")
      await expectProblem(await drop(ticket), 404, "not_found")
    })

    it("waits as long as is preferred", async () => {
      const ticket = await submit()
      const answer = get(`/v1/classifications/${ticket.id}`, { prefer: "wait=20" })
      await client.classifier.work()
      const response = await answer
      expect(response.headers.get("preference-applied")).toBe("wait=20")
      expect((await expectTicket(response, 200)).done).toBe(true)
    })

    it("fails a ticket that nobody started before its deadline", { timeout: 15_000 }, async () => {
      const ticket = await submit({ query: `?model=${ASLEEP}&deadline_ms=1` })
      await until(async () => (await read(ticket)).done)
      expect(await read(ticket)).toMatchObject({ status: "failed", error: { code: "deadline_exceeded" } })
    })
  })

  describe("POST /v1/classifications/{id}/retry", () => {
    const retry = (ticket: Ticket, headers: Record<string, string> = {}) =>
      client.request(`/v1/classifications/${ticket.id}/retry`, { method: "POST", headers })
    afterAll(() => client.classifier.sdk.del(client.classifier.keys.dead))
    /** Its attempts are used up, so that its image is kept. */
    const bury = async () => {
      for (const { id: jobId, leaseToken: token } of await client.classifier.claim())
        await client.classifier.store.retry({ jobId, token }, "died", { nowMs: Date.now(), counts: true, aside: true })
    }

    it("makes a new ticket of the same image, which refers to the old; the old one stays as it was", async () => {
      const old = await submit({ query: "?top_k=1" })
      await bury()
      const before = await read(old)
      expect(before).toMatchObject({ status: "failed", error: { code: "attempts_exhausted" } })
      const response = await retry(old)
      const ticket = await expectTicket(response, 202)
      expect(response.headers.get("location")).toBe(`/v1/classifications/${ticket.id}`)
      expect(ticket).toMatchObject({ retry_of: old.id, status: "queued", attempts: 0, image: before.image ?? {} })
      expect(ticket.id).not.toBe(old.id)
      const jobs = await client.classifier.work()
      expect(jobs.map(({ input }) => input.operation)).toContainEqual({ name: "classify", topK: 1 })
      expect(await read(ticket)).toMatchObject({ status: "succeeded", retry_of: old.id })
      expect(await read(old)).toEqual(before)
    })

    it("is one ticket for one Idempotency-Key", async () => {
      const old = await submit()
      await bury()
      const key = { "idempotency-key": `retry of ${old.id}` }
      const first = await expectTicket(await retry(old, key), 202)
      expect((await expectTicket(await retry(old, key), 202)).id).toBe(first.id)
      await drop(first)
    })

    it("has the picture of a URL fetched again", async () => {
      const image_url = "https://example.com/picture.jpg"
      const headers = { "content-type": "application/json" }
      const old = await submit({ headers }, JSON.stringify({ image_url, operation: "inspect" }))
      await drop(old)
      const ticket = await expectTicket(await retry(old), 202)
      expect(ticket).toMatchObject({ retry_of: old.id, image_url, operation: "inspect" })
      await drop(ticket)
    })

    it("refuses what is not done, has succeeded, or has no image any more, and says which", async () => {
      const ticket = await submit()
      await expectProblem(await retry(ticket), 409, "not_finished")
      await client.classifier.work()
      await expectProblem(await retry(ticket), 409, "already_finished")
      const canceled = await submit()
      await drop(canceled)
      await expectProblem(await retry(canceled), 410, "payload_expired")
      await expectProblem(await retry({ ...ticket, id: "cls_forged" }), 404, "not_found")
    })
  })

  describe("Prefer", () => {
    it("wait=N answers 200 with the result when it comes in time", async () => {
      const answer = post(picture(), { headers: { prefer: "wait=20" } })
      await client.classifier.work()
      const response = await answer
      expect(response.headers.get("preference-applied")).toBe("wait=20")
      expect(await expectTicket(response, 200)).toMatchObject({ status: "succeeded", done: true })
    })

    it("wait=N answers 202 when it does not", async () => {
      const response = await post(picture(), { headers: { prefer: "wait=1" } })
      expect(response.headers.get("preference-applied")).toBe("wait=1")
      expect(response.headers.get("location")).toMatch(/^\/v1\/classifications\/cls_/)
      expect((await expectTicket(response, 202)).done).toBe(false)
    })

    it("wait=N answers before its time where no classifier is there, and does not say that it was waited", async () => {
      const response = await post(picture(), { query: `?model=${ASLEEP}`, headers: { prefer: "wait=20" } })
      expect(response.headers.get("preference-applied")).toBeNull()
      const ticket = await expectTicket(response, 202)
      expect(ticket).toMatchObject({ done: false, queue: { classifiers: 0, notice: expect.any(String) } })
      await drop(ticket)
    })

    it("respond-async answers at once", async () => {
      const response = await post(picture(), { headers: { prefer: "respond-async" } })
      expect((await expectTicket(response, 202)).done).toBe(false)
    })
  })

  describe("DELETE /v1/classifications/{id}", () => {
    it("cancels what waits, and forgets its image", async () => {
      await client.classifier.claim()
      const before = await client.classifier.payloadKeys()
      const ticket = await submit()
      expect(await client.classifier.payloadKeys()).toHaveLength(before.length + 1)
      expect(await expectTicket(await drop(ticket), 200)).toMatchObject({ status: "canceled", done: true })
      expect(await read(ticket)).toMatchObject({ status: "canceled", done: true })
      expect(await client.classifier.payloadKeys()).toEqual(before)
      expect((await client.classifier.claim()).map(({ id }) => ticket.id.includes(id))).not.toContain(true)
    })

    it("cancels again what is canceled, and refuses what has finished", async () => {
      const ticket = await submit()
      for (let i = 0; i < 2; i++) {
        expect(await expectTicket(await drop(ticket), 200)).toMatchObject({ status: "canceled" })
      }
      const finished = await submit()
      await client.classifier.work()
      await expectProblem(await drop(finished), 409, "already_finished")
      expect((await read(finished)).status).toBe("succeeded")
    })

    it("drops the answer to what was being worked on", async () => {
      const ticket = await submit()
      const jobs = await client.classifier.claim()
      expect(await expectTicket(await drop(ticket), 200)).toMatchObject({ status: "canceled" })
      for (const job of jobs) {
        await client.classifier.store.finish({ jobId: job.id, token: job.leaseToken }, succeed(job), Date.now())
      }
      expect((await read(ticket)).status).toBe("canceled")
    })
  })
}
