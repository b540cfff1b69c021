import { describe, expect, it } from "vitest"
import { ASLEEP, AWAKE } from "../../support/edge/edge-classifier.ts"
import { exifSegment, noise, pngHeader, uniqueJpeg } from "../../support/images/edge-images.ts"
import { type EdgeClient, expectHints, expectProblem, expectTicket, picture, streamed } from "./client.ts"

/** What is accepted, what is refused, and that nothing is kept of it. */
export function uploadContract(client: EdgeClient): void {
  const { post, submit, read } = client

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
      await client.classifier.work()
      expect((await read(ticket)).predictions).toHaveLength(1)
    })

    it("believes the bytes of a raw body, whatever type they are sent under", async () => {
      for (const type of ["image/png", "application/octet-stream", "text/plain"]) {
        expect((await submit({ headers: { "content-type": type } })).image?.format).toBe("jpeg")
      }
    })

    it("takes JSON that does not say that it is JSON", async () => {
      const body = JSON.stringify({ image_url: "https://example.com/a.jpg", top_k: 2 })
      for (const type of ["application/x-www-form-urlencoded", "text/plain"]) {
        const ticket = await submit({ headers: { "content-type": type } }, body)
        expect(ticket.image_url).toBe("https://example.com/a.jpg")
      }
    })

    it("tells whoever sent a picture with curl -d how to send it", async () => {
      const headers = { "content-type": "application/x-www-form-urlencoded" }
      const stripped = picture().filter((byte) => byte !== 0 && byte !== 10 && byte !== 13)
      const problem = await expectProblem(await post(stripped, { headers }), 400, "bad_request")
      expect(problem.detail).toContain("use --data-binary @FILE")
      // --data-binary says the same of its body, and changes nothing.
      expect((await submit({ headers })).image?.format).toBe("jpeg")
    })

    it("gives the size as a person sees it", async () => {
      const ticket = await submit({}, picture({ width: 640, height: 480, before: [exifSegment(6)] }))
      expect(ticket.image).toMatchObject({ width: 480, height: 640, orientation: 6 })
    })

    it.each([
      ["an empty body", new Uint8Array(), 400, "empty_body"],
      ["a text", new TextEncoder().encode("This is not a picture."), 415, "unsupported_image"],
      ["a BMP", new TextEncoder().encode("BM and so on"), 415, "unsupported_image"],
      ["a JPEG that is cut in its header", uniqueJpeg().slice(0, 24), 422, "invalid_image"],
      ["a PNG that is cut in its header", pngHeader().slice(0, 20), 422, "invalid_image"],
      ["65,500 × 65,500 pixels", pngHeader({ width: 65_500, height: 65_500 }), 422, "too_many_pixels"],
      ["2,000,000 × 4 pixels", pngHeader({ width: 2_000_000, height: 4 }), 422, "side_too_long"],
      ["1 × 49,999,999 pixels", pngHeader({ width: 1, height: 49_999_999 }), 422, "side_too_long"],
      ["noise", noise(100_000), 415, "unsupported_image"],
    ])("refuses %s, and keeps nothing", async (_what, bytes, status, code) => {
      const before = await client.classifier.payloadKeys()
      await expectProblem(await post(bytes), status, code)
      expect(await client.classifier.payloadKeys()).toEqual(before)
    })

    it("refuses 20 MB with 413 by their Content-Length, and goes on", async () => {
      const problem = await expectProblem(await post(noise(20_000_000)), 413, "image_too_large")
      expect(problem.detail).toBe("Cannot accept the image: it has 20 MB, and the limit is 8 MB (MAX_IMAGE_BYTES)")
      await submit()
    })

    it("refuses 20 MB with 413 that stream in with no length, and goes on", async () => {
      const response = await client.request("/v1/classifications", streamed(20_000_000))
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
      expect(problem.detail).toContain("it has 8.01 MB, and the limit is 8 MB (MAX_IMAGE_BYTES)")
    })

    it("takes a form whose file is called `file`", async () => {
      const form = new FormData()
      form.set("file", new File([picture()], "x.jpg"))
      expect((await submit({}, form)).image?.format).toBe("jpeg")
    })

    it("refuses a form without an image, and names the fields that it has", async () => {
      const form = new FormData()
      form.set("picture", new File([picture()], "x.jpg"))
      form.set("top_k", "3")
      const problem = await expectProblem(await post(form), 400, "empty_body")
      expect(problem.detail).toContain('no file field "image"; it has "picture", "top_k"')
      const text = new FormData()
      text.set("image", "photo.jpg")
      const asText = await expectProblem(await post(text), 400, "empty_body")
      expect(asText.detail).toContain("put @ before the file's name")
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
      "threshold=2",
      "output=tensor",
      "lang=../de",
      "topk=3",
      "model=",
    ])("refuses the option %s by its name, and keeps nothing", async (option) => {
      const before = await client.classifier.payloadKeys()
      const problem = await expectProblem(await post(picture(), { query: `?${option}` }), 422, "invalid_options")
      expect(problem.detail).toContain(option.split("=")[0])
      expect(await client.classifier.payloadKeys()).toEqual(before)
    })

    it("names the models there are to whoever asks for another", async () => {
      const problem = await expectProblem(await post(picture(), { query: "?model=nobody" }), 422, "unknown_model")
      expect(problem.detail).toMatch(/"nobody".*asleep, efficientnet_lite0/)
    })

    it("accepts work for a model that is not served just now, and says so", async () => {
      const ticket = await submit({ query: `?model=${ASLEEP}` })
      const notice = expect.stringMatching(/^No classifier serves asleep now: it is waited for until 20/)
      expect(ticket.queue).toMatchObject({ classifiers: 0, eta_ms: null, notice })
      expect(ticket.poll_after_ms).toBeGreaterThanOrEqual(1_000)
    })
  })
}
