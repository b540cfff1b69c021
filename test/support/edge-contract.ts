import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { type Ticket, ticketSchema } from "../../src/lib/ticket.ts"
import { ASLEEP, AWAKE, FakeClassifier, succeed } from "./edge-classifier.ts"
import { exifSegment, noise, pngHeader, uniqueJpeg } from "./edge-images.ts"
import { ALICE, type Backend, BOB, type EdgeRuntime, edgeEnv, type RunningEdge } from "./edge-runtime.ts"

/** What the edge promises on every runtime. It names nothing of Node, since it also runs inside workerd. */
export function edgeContract(name: string, runtime: EdgeRuntime): void {
  describe(`the edge ${name}`, () => {
    let backend: Backend
    let classifier: FakeClassifier
    let edge: RunningEdge

    beforeAll(async () => {
      backend = await runtime.startBackend()
      classifier = new FakeClassifier(backend)
      await classifier.arrive()
      edge = await runtime.openEdge(await edgeEnv(backend))
    })
    afterAll(async () => {
      await edge?.close()
      await backend?.stop()
    })

    const get = (path: string, headers: Record<string, string> = {}) => edge.request(path, { headers })
    const post = (body: BodyInit, { query = "", headers = {} }: PostOptions = {}) =>
      edge.request(`/v1/classifications${query}`, { method: "POST", body, headers })
    const submit = async (options: PostOptions = {}, body: BodyInit = picture()) =>
      expectTicket(await post(body, options), 202)
    const drop = (ticket: Ticket, headers: Record<string, string> = {}) =>
      edge.request(`/v1/classifications/${ticket.id}`, { method: "DELETE", headers })
    const read = async (ticket: Ticket, headers: Record<string, string> = {}) =>
      expectTicket(await get(`/v1/classifications/${ticket.id}`, headers), 200)

    describe("POST /v1/classifications", () => {
      it("answers a raw JPEG with 202, a ticket, where it is, and when to ask for it", async () => {
        const bytes = picture({ width: 640, height: 480 })
        const response = await post(bytes, { headers: { "content-type": "image/jpeg" } })
        const { headers } = response
        const ticket = await expectTicket(response, 202)
        expect(ticket).toMatchObject({
          id: expect.stringMatching(/^cls_[0-9a-z]{42}$/),
          status: "queued",
          done: false,
          model: { id: AWAKE },
          attempts: 0,
          queue: { position: expect.any(Number), eta_ms: expect.any(Number), classifiers: 1 },
          image: { format: "jpeg", width: 640, height: 480, bytes: bytes.length, orientation: 1 },
        })
        expect(headers.get("location")).toBe(`/v1/classifications/${ticket.id}`)
        expect(headers.get("etag")).toMatch(/^W\/".+"$/)
        expect(headers.get("cache-control")).toBe("private, no-cache")
        expectHints(headers, ticket)
      })

      it("takes a form with the image and its options as fields", async () => {
        const form = new FormData()
        form.set("image", new File([pngHeader({ width: 12, height: 34 })], "x.png", { type: "image/png" }))
        form.set("top_k", "1")
        const ticket = await submit({}, form)
        expect(ticket.image).toMatchObject({ format: "png", width: 12, height: 34 })
        await classifier.work()
        expect((await read(ticket)).predictions).toHaveLength(1)
      })

      it("believes the bytes of a raw body, whatever type they are sent under", async () => {
        for (const type of ["image/png", "application/octet-stream", "text/plain"]) {
          expect((await submit({ headers: { "content-type": type } })).image.format).toBe("jpeg")
        }
      })

      it("gives the size as a person sees it", async () => {
        const ticket = await submit({}, picture({ width: 640, height: 480, before: [exifSegment(6)] }))
        expect(ticket.image).toMatchObject({ width: 480, height: 640, orientation: 6 })
      })

      it.each([
        ["an empty body", new Uint8Array(), 400, "empty_body"],
        ["a text", new TextEncoder().encode("This is not a picture."), 415, "unsupported_image"],
        ["a GIF", new TextEncoder().encode("GIF89a and so on"), 415, "unsupported_image"],
        ["a JPEG that is cut in its header", uniqueJpeg().slice(0, 24), 422, "invalid_image"],
        ["a PNG that is cut in its header", pngHeader().slice(0, 20), 422, "invalid_image"],
        ["65,500 × 65,500 pixels", pngHeader({ width: 65_500, height: 65_500 }), 422, "too_many_pixels"],
        ["noise", noise(100_000), 415, "unsupported_image"],
      ])("refuses %s, and keeps nothing", async (_what, bytes, status, code) => {
        const before = await classifier.payloadKeys()
        await expectProblem(await post(bytes), status, code)
        expect(await classifier.payloadKeys()).toEqual(before)
      })

      it("refuses 20 MB with 413 by their Content-Length, and goes on", async () => {
        const problem = await expectProblem(await post(noise(20_000_000)), 413, "image_too_large")
        expect(problem.detail).toContain("8000000")
        await submit()
      })

      it("refuses 20 MB with 413 that stream in with no length, and goes on", async () => {
        const response = await edge.request("/v1/classifications", streamed(20_000_000))
        await expectProblem(response, 413, "image_too_large")
        await submit()
      })

      it("refuses a form of 20 MB with 413", async () => {
        const form = new FormData()
        form.set("image", new File([noise(20_000_000)], "noise.jpg"))
        await expectProblem(await post(form), 413, "image_too_large")
      })

      it("refuses an image in a form that is one byte too large, with the limit", async () => {
        const form = new FormData()
        form.set("image", new File([new Uint8Array(8_000_001)], "x.jpg"))
        const problem = await expectProblem(await post(form), 413, "image_too_large")
        expect(problem.detail).toContain("8000000")
      })

      it("refuses a form without an image", async () => {
        const form = new FormData()
        form.set("picture", new File([picture()], "x.jpg"))
        await expectProblem(await post(form), 400, "empty_body")
        const text = new FormData()
        text.set("image", "a text")
        await expectProblem(await post(text), 400, "empty_body")
      })

      it.each([
        ["another boundary than said", "multipart/form-data; boundary=one", "--two\r\n\r\nx\r\n--two--\r\n"],
        ["no boundary", "multipart/form-data", "--two\r\n\r\nx\r\n--two--\r\n"],
        ["no end", "multipart/form-data; boundary=one", '--one\r\nContent-Disposition: form-data; name="image"\r\n'],
        ["nothing in it", "multipart/form-data; boundary=one", ""],
      ])("refuses a form with %s", async (_what, type, body) => {
        const response = await post(body, { headers: { "content-type": type } })
        await expectProblem(response, 400, /bad_request|empty_body/)
      })

      it("refuses JSON, which is no image", async () => {
        const headers = { "content-type": "application/json" }
        await expectProblem(await post("{}", { headers }), 415, "unsupported_image")
      })

      it.each([
        "top_k=0",
        "top_k=1001",
        "top_k=abc",
        "top_k=-1",
        "top_k=1.5",
        "top_k=",
        "deadline_ms=0",
        "deadline_ms=86400001",
        "deadline_ms=soon",
        "operation=paint",
        "model=",
      ])("refuses the option %s by its name, and keeps nothing", async (option) => {
        const before = await classifier.payloadKeys()
        const problem = await expectProblem(await post(picture(), { query: `?${option}` }), 422, "invalid_options")
        expect(problem.detail).toContain(option.split("=")[0])
        expect(await classifier.payloadKeys()).toEqual(before)
      })

      it("names the models there are to whoever asks for another", async () => {
        const problem = await expectProblem(await post(picture(), { query: "?model=nobody" }), 422, "unknown_model")
        expect(problem.detail).toMatch(/"nobody".*asleep, efficientnet_lite0/)
      })

      it("accepts work for a model that is not served just now, and says so", async () => {
        const ticket = await submit({ query: `?model=${ASLEEP}` })
        expect(ticket.queue).toMatchObject({ classifiers: 0, eta_ms: null })
        expect(ticket.poll_after_ms).toBeGreaterThanOrEqual(1_000)
      })
    })

    describe("GET /v1/classifications/{id}", () => {
      it("gives the answer, best first, when there is one", async () => {
        const queued = await submit()
        await classifier.work()
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
        await classifier.work(() => ({ state: "failed", error: { code: "invalid_image", message: "It is torn" } }))
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
        await classifier.work()
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
        await classifier.redis.call((sdk) => sdk.pexpire(classifier.keys.job(jobId), 1))
        await vi.waitUntil(async () => (await get(`/v1/classifications/${ticket.id}`)).status === 404)
        await expectProblem(await get(`/v1/classifications/${ticket.id}`), 404, "not_found")
        await expectProblem(await drop(ticket), 404, "not_found")
      })

      it("waits as long as is preferred", async () => {
        const ticket = await submit()
        const answer = get(`/v1/classifications/${ticket.id}`, { prefer: "wait=20" })
        await classifier.work()
        const response = await answer
        expect(response.headers.get("preference-applied")).toBe("wait=20")
        expect((await expectTicket(response, 200)).done).toBe(true)
      })

      it("fails a ticket that nobody started before its deadline", { timeout: 15_000 }, async () => {
        const ticket = await submit({ query: `?model=${ASLEEP}&deadline_ms=1` })
        await vi.waitUntil(async () => (await read(ticket)).done, { timeout: 10_000, interval: 100 })
        expect(await read(ticket)).toMatchObject({ status: "failed", error: { code: "deadline_exceeded" } })
      })
    })

    describe("Prefer", () => {
      it("wait=N answers 200 with the result when it comes in time", async () => {
        const answer = post(picture(), { headers: { prefer: "wait=20" } })
        await classifier.work()
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

      it("respond-async answers at once", async () => {
        const response = await post(picture(), { headers: { prefer: "respond-async" } })
        expect((await expectTicket(response, 202)).done).toBe(false)
      })
    })

    describe("DELETE /v1/classifications/{id}", () => {
      it("cancels what waits, and forgets its image", async () => {
        await classifier.claim()
        const before = await classifier.payloadKeys()
        const ticket = await submit()
        expect(await classifier.payloadKeys()).toHaveLength(before.length + 1)
        expect(await expectTicket(await drop(ticket), 200)).toMatchObject({ status: "canceled", done: true })
        expect(await read(ticket)).toMatchObject({ status: "canceled", done: true })
        expect(await classifier.payloadKeys()).toEqual(before)
        expect((await classifier.claim()).map(({ id }) => ticket.id.includes(id))).not.toContain(true)
      })

      it("cancels again what is canceled, and refuses what has finished", async () => {
        const ticket = await submit()
        for (let i = 0; i < 2; i++) {
          expect(await expectTicket(await drop(ticket), 200)).toMatchObject({ status: "canceled" })
        }
        const finished = await submit()
        await classifier.work()
        await expectProblem(await drop(finished), 409, "already_finished")
        expect((await read(finished)).status).toBe("succeeded")
      })

      it("drops the answer to what was being worked on", async () => {
        const ticket = await submit()
        const jobs = await classifier.claim()
        expect(await expectTicket(await drop(ticket), 200)).toMatchObject({ status: "canceled" })
        for (const job of jobs) {
          await classifier.store.finish({ jobId: job.id, token: job.leaseToken }, succeed(job), Date.now())
        }
        expect((await read(ticket)).status).toBe("canceled")
      })
    })

    describe("POST /predict", () => {
      const predict = (body: BodyInit) => edge.request("/predict", { method: "POST", body })
      const formOf = (bytes: Uint8Array<ArrayBuffer>) => {
        const form = new FormData()
        form.set("image", new File([bytes], "x.jpg"))
        return form
      }

      it("waits, and answers as the tutorial does", async () => {
        const answer = predict(formOf(picture()))
        await classifier.work()
        const response = await answer
        expect(response.status).toBe(200)
        expect(await response.json()).toEqual({
          success: true,
          predictions: [
            { label: "castle", probability: 0.75 },
            { label: "church", probability: 0.125 },
          ],
        })
      })

      it("says success: false with every error", async () => {
        const answers = [
          [await predict("text"), 415, "unsupported_image"],
          [await predict(new FormData()), 400, /empty_body|bad_request/],
          [await edge.request("/predict?top_k=0", { method: "POST", body: picture() }), 422, "invalid_options"],
          [
            await edge.request("/predict", { headers: { authorization: "Bearer no" }, method: "POST" }),
            401,
            "unauthorized",
          ],
          [await edge.request("/predict"), 405, "method_not_allowed"],
        ] as const
        for (const [response, status, code] of answers) {
          expect(await expectProblem(response, status, code)).toMatchObject({ success: false })
        }
      })

      it("gives the reason of a failed job with the status of its code", async () => {
        const answer = predict(formOf(picture()))
        await classifier.work(() => ({ state: "failed", error: { code: "invalid_image", message: "It is torn" } }))
        expect(await expectProblem(await answer, 422, "invalid_image")).toMatchObject({
          success: false,
          detail: "It is torn",
        })
      })
    })

    describe("Idempotency-Key", () => {
      const withKey = (key: string, query = "") => ({ headers: { "idempotency-key": key }, query })

      it("gives the same ticket for the same key and payload, before and after it is done", async () => {
        const body = picture()
        const first = await submit(withKey("same"), body)
        expect((await submit(withKey("same"), body)).id).toBe(first.id)
        await classifier.work()
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
        const before = await classifier.payloadKeys()
        await expectProblem(await post(picture(), withKey("taken")), 422, "idempotency_mismatch")
        await expectProblem(await post(body, withKey("taken", "?top_k=2")), 422, "idempotency_mismatch")
        expect((await classifier.payloadKeys()).sort()).toEqual(before.sort())
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
        await classifier.work()
        const second = await expectTicket(await post(body), 200)
        expect(second).toMatchObject({ status: "succeeded", cached: true, done: true })
        expect(second.id).not.toBe(first.id)
        expect(second.predictions).toEqual((await read(first)).predictions)
        const fresh = await submit({ headers: { "cache-control": "no-cache" } }, body)
        expect(fresh.cached).toBeUndefined()
      })

      it("holds for the same options only", async () => {
        const body = picture()
        await submit({ query: "?top_k=2" }, body)
        await classifier.work()
        await submit({ query: "?top_k=3" }, body)
        await expectTicket(await post(body, { query: "?top_k=2" }), 200)
      })

      it("is never shared between callers", async () => {
        const body = picture()
        await submit({ headers: bearer(ALICE) }, body)
        await classifier.work()
        await submit({ headers: bearer(BOB) }, body)
        await submit({}, body)
        await expectTicket(await post(body, { headers: bearer(ALICE) }), 200)
      })

      it("works on the same picture once, and lets each ticket be canceled by itself", async () => {
        await classifier.claim()
        const body = picture()
        const [first, second] = [await submit({}, body), await submit({}, body)]
        expect(second.id).not.toBe(first.id)
        expect(second.queue?.position).toBe(first.queue?.position)
        await expectTicket(await drop(first), 200)
        expect(await classifier.work()).toHaveLength(1)
        expect((await read(first)).status).toBe("canceled")
        expect(await read(second)).toMatchObject({ status: "succeeded", image: { bytes: body.length } })
      })
    })

    describe("API keys", () => {
      it("refuses a bearer token that is no key, and says how to send one", async () => {
        for (const authorization of ["Bearer nobody", "Bearer", "Basic YTpi", "Bearer a b", ""]) {
          const response = await get("/v1/models", { authorization })
          expect(response.headers.get("www-authenticate")).toMatch(/^Bearer /)
          await expectProblem(response, 401, "unauthorized")
        }
      })

      it("shows a key its own tickets and nobody else's", async () => {
        const ticket = await submit({ headers: bearer(ALICE) })
        expect((await read(ticket, bearer(ALICE))).id).toBe(ticket.id)
        for (const headers of [bearer(BOB), {}]) {
          await expectProblem(await get(`/v1/classifications/${ticket.id}`, headers), 404, "not_found")
          await expectProblem(await drop(ticket, headers), 404, "not_found")
        }
        expect((await read(ticket, bearer(ALICE))).status).toBe("queued")
      })

      it("takes the ticket of an anonymous caller as the capability", async () => {
        const ticket = await submit()
        expect((await read(ticket, bearer(BOB))).id).toBe(ticket.id)
      })
    })

    describe("what can be known of the whole", () => {
      it("GET /v1/models lists what living classifiers serve", async () => {
        const response = await get("/v1/models")
        expect(response.status).toBe(200)
        expect(await response.json()).toEqual({
          models: [
            {
              id: AWAKE,
              name: `The model ${AWAKE}`,
              version: "1",
              input: { width: 224, height: 224 },
              labels: 1_000,
              classifiers: 1,
            },
          ],
        })
      })

      it("GET /v1/queue tells depth, age and rate", async () => {
        await submit()
        const response = await get("/v1/queue")
        expect(response.status).toBe(200)
        const queue = (await response.json()) as { depth: number; models: { id: string }[] }
        expect(queue).toMatchObject({
          depth: expect.any(Number),
          bytes: expect.any(Number),
          processing: expect.any(Number),
          dead: 0,
          paused: false,
          classifiers: 1,
        })
        expect(queue.depth).toBeGreaterThan(0)
        expect(queue.models.find(({ id }) => id === AWAKE)).toMatchObject({
          oldest_age_ms: expect.any(Number),
          classifiers: 1,
          per_second: 25,
          eta_ms: expect.any(Number),
        })
      })

      it("GET /healthz and /readyz answer without a key", async () => {
        for (const path of ["/healthz", "/readyz"]) expect((await get(path)).status, path).toBe(200)
      })

      it("answers 404 where there is nothing", async () => {
        for (const path of ["/v1/nothing", "/nothing", "/v1/classifications/", "/v1/classifications/a/b", "/v1"]) {
          await expectProblem(await get(path), 404, "not_found")
        }
      })

      it("answers 405 with what is allowed to another method", async () => {
        const cases = [
          ["/v1/classifications", "PUT", "POST"],
          ["/v1/classifications/cls_x", "POST", "GET, DELETE"],
          ["/v1/models", "DELETE", "GET"],
          ["/healthz", "POST", "GET"],
        ] as const
        for (const [path, method, allow] of cases) {
          const response = await edge.request(path, { method })
          expect(response.headers.get("allow"), path).toBe(allow)
          await expectProblem(response, 405, "method_not_allowed")
        }
      })
    })
  })

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

    it("refuses with 503 when what waits has too many bytes", async () => {
      await withEdge({ MAX_QUEUE_BYTES: "100" }, async (edge) => {
        await expectTicket(await post(edge), 202)
        await expectProblem(await post(edge), 503, "queue_full")
      })
    })

    it("refuses with 429 and Retry-After the caller who has too much waiting, and nobody else", async () => {
      await withEdge({ MAX_QUEUE_DEPTH_PER_CALLER: "1" }, async (edge) => {
        await expectTicket(await post(edge, bearer(ALICE)), 202)
        const before = await classifier.payloadKeys()
        const response = await post(edge, bearer(ALICE))
        expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0)
        await expectProblem(response, 429, "caller_queue_full")
        expect((await classifier.payloadKeys()).sort()).toEqual(before.sort())
        await expectTicket(await post(edge, bearer(BOB)), 202)
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
  })

  describe(`the edge ${name}, without its Redis`, () => {
    it("answers 503 within two seconds when nobody listens at the address, and stays alive", async () => {
      const edge = await runtime.openEdge(await edgeEnv({ url: "http://127.0.0.1:1", token: "t" }))
      try {
        expect((await edge.request("/healthz")).status).toBe(200)
        for (const call of callsThatNeedRedis(edge)) await expectUnavailable(call)
      } finally {
        await edge.close()
      }
    })

    it("answers 503 within two seconds when Redis is gone or silent, and accepts again when it is back", async () => {
      const backend = await runtime.startBackend()
      const edge = await runtime.openEdge(await edgeEnv(backend))
      try {
        await new FakeClassifier(backend).arrive()
        const post = () => edge.request("/v1/classifications", { method: "POST", body: picture() })
        const ticket = await expectTicket(await post(), 202)
        await backend.pause()
        const large = uniqueJpeg({ before: Array.from({ length: 100 }, () => blankSegment) })
        const calls = [
          ...callsThatNeedRedis(edge),
          () => edge.request(`/v1/classifications/${ticket.id}`),
          () => edge.request("/v1/classifications", { method: "POST", body: large }),
        ]
        await Promise.all(calls.map(expectUnavailable))
        await backend.resume()
        await expectTicket(await post(), 202)
        await backend.kill()
        for (const call of callsThatNeedRedis(edge)) await expectUnavailable(call)
        await expectUnavailable(() => edge.request(`/v1/classifications/${ticket.id}`))
        expect(edge.logged()).not.toContain(ticket.id)
      } finally {
        await edge.close()
        await backend.stop()
      }
    })

    it("gives the ticket of what was accepted, although Redis goes while its caller waits", async () => {
      const backend = await runtime.startBackend()
      const edge = await runtime.openEdge(await edgeEnv(backend))
      const classifier = new FakeClassifier(backend)
      try {
        await classifier.arrive()
        const answer = edge.request("/v1/classifications", {
          method: "POST",
          body: picture(),
          headers: { prefer: "wait=2" },
        })
        await vi.waitUntil(async () => (await classifier.claim()).length > 0)
        await backend.kill()
        expect((await expectTicket(await answer, 202)).done).toBe(false)
      } finally {
        await edge.close()
        await backend.stop()
      }
    })
  })
}

type PostOptions = { query?: string; headers?: Record<string, string> }

const picture = uniqueJpeg
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const blankSegment = new Uint8Array(60_000)
blankSegment.set([0xff, 0xfe, (60_000 - 2) >> 8, (60_000 - 2) & 255])

function callsThatNeedRedis(edge: RunningEdge): (() => Promise<Response>)[] {
  return [
    () => edge.request("/readyz"),
    () => edge.request("/v1/queue"),
    () => edge.request("/v1/classifications", { method: "POST", body: picture() }),
    () => edge.request("/predict", { method: "POST", body: picture() }),
  ]
}

async function expectUnavailable(call: () => Promise<Response>): Promise<void> {
  const startMs = performance.now()
  const response = await call()
  expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0)
  await expectProblem(response, 503, "redis_unavailable")
  expect(performance.now() - startMs).toBeLessThan(2_000)
}

/** A body without a length, in pieces as a network brings them. */
function streamed(bytes: number): RequestInit {
  const piece = noise(100_000)
  let sent = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(piece)
      sent += piece.length
      if (sent >= bytes) controller.close()
    },
  })
  return { method: "POST", body, duplex: "half" } as RequestInit
}

async function expectTicket(response: Response, status: number): Promise<Ticket> {
  const body = await response.json()
  expect({ status: response.status, body }).toMatchObject({ status })
  expect(response.headers.get("content-type")).toMatch(/^application\/json/)
  return ticketSchema.strict().parse(body)
}

/** Problem details as RFC 9457 has them, with the code that a client may branch on. */
async function expectProblem(response: Response, status: number, code: string | RegExp) {
  const body = (await response.json()) as { detail: string }
  expect({ status: response.status, type: response.headers.get("content-type"), body }).toMatchObject({
    status,
    type: "application/problem+json",
    body: {
      type: "about:blank",
      title: expect.any(String),
      status,
      code: typeof code === "string" ? code : expect.stringMatching(code),
      detail: expect.any(String),
    },
  })
  return body
}

function expectHints(headers: Headers, ticket: Ticket): void {
  const pollAfterMs = Number(headers.get("poll-after-ms"))
  expect(pollAfterMs).toBe(ticket.poll_after_ms)
  expect(pollAfterMs).toBeGreaterThan(0)
  expect(headers.get("retry-after")).toBe(String(Math.ceil(pollAfterMs / 1_000)))
}
