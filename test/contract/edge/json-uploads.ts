import { describe, expect, it } from "vitest"
import { type EdgeClient, expectProblem, expectTicket, picture } from "./client.ts"

const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes))
const percent = (bytes: Uint8Array) => [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")

export function jsonUploadContract(client: EdgeClient): void {
  const postJson = (body: unknown, headers: Record<string, string> = {}) =>
    client.post(typeof body === "string" ? body : JSON.stringify(body), {
      headers: { "content-type": "application/json", ...headers },
    })

  describe("an upload as JSON", () => {
    it.each([
      ["base64", (bytes: Uint8Array) => `data:image/jpeg;base64,${base64(bytes)}`],
      [
        "base64 without its padding, under another type",
        (bytes: Uint8Array) => `data:text/plain;charset=x;base64,${base64(bytes).replaceAll("=", "")}`,
      ],
      ["percent-encoding", (bytes: Uint8Array) => `data:,${percent(bytes)}`],
    ])("takes a data: URL in %s, byte for byte", async (_what, encode) => {
      const bytes = picture()
      const ticket = await expectTicket(await postJson({ image: encode(bytes), top_k: 1 }), 202)
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
      expect(ticket.image?.sha256).toBe([...digest].map((byte) => byte.toString(16).padStart(2, "0")).join(""))
      await client.classifier.work()
      expect((await client.read(ticket)).predictions).toHaveLength(1)
    })

    it("says where a data: URL goes that came as image_url, and a list of pictures", async () => {
      const url = await expectProblem(
        await postJson({ image_url: "data:image/jpeg;base64,AA" }),
        422,
        "invalid_options",
      )
      expect(url.detail).toContain("goes in `image`")
      const list = await expectProblem(await postJson({ urls: ["https://a.example/1"] }), 422, "invalid_options")
      expect(list.detail).toContain("a list of them goes to /v1/batches")
    })

    it("takes image_url unseen, and keeps no bytes", async () => {
      const before = await client.classifier.payloadKeys()
      const image_url = "https://example.com/a%20cat.jpg?size=2#top"
      const ticket = await expectTicket(await postJson({ image_url, top_k: 3 }), 202)
      expect(ticket).toMatchObject({ image_url: "https://example.com/a%20cat.jpg?size=2", operation: "classify" })
      expect(ticket).not.toHaveProperty("image")
      expect(await client.classifier.payloadKeys()).toEqual(before)
      await client.drop(ticket)
    })

    it("knows the repeat of a URL by its Idempotency-Key only: what lies there may change", async () => {
      const image_url = "https://example.com/cat.jpg"
      const first = await expectTicket(await postJson({ image_url }, { "idempotency-key": "json" }), 202)
      const repeat = await expectTicket(await postJson({ image_url }, { "idempotency-key": "json" }), 202)
      const other = await expectTicket(await postJson({ image_url }), 202)
      expect([repeat.id === first.id, other.id === first.id]).toEqual([true, false])
      const changed = await postJson({ image_url: `${image_url}?2` }, { "idempotency-key": "json" })
      await expectProblem(changed, 422, "idempotency_mismatch")
      for (const ticket of [first, other]) await client.drop(ticket)
    })

    it.each([
      ["no JSON", "{", 400, "bad_request"],
      ["no UTF-8", '"\ud800', 400, "bad_request"],
      ["a list", [], 400, "bad_request"],
      ["null", "null", 400, "bad_request"],
      ["a number", "1", 400, "bad_request"],
      ["neither", { top_k: 1 }, 400, "empty_body"],
      ["both", { image: "data:,x", image_url: "https://example.com" }, 400, "bad_request"],
      ["a URL for an image", { image: "https://example.com/cat.jpg" }, 400, "bad_request"],
      ["a number for an image", { image: 7 }, 400, "bad_request"],
      ["no comma", { image: "data:image/png;base64" }, 400, "bad_request"],
      ["bad base64", { image: "data:;base64,a*b" }, 400, "bad_request"],
      ["bad percents", { image: "data:,%4" }, 400, "bad_request"],
      ["bad percents in base64", { image: "data:;base64,%zz" }, 400, "bad_request"],
      ["an empty data: URL", { image: "data:," }, 400, "empty_body"],
      ["a data: URL of a text", { image: "data:,hello" }, 415, "unsupported_image"],
      ["an object for an option", { image_url: "https://example.com", top_k: {} }, 422, "invalid_options"],
      ["an unknown option", { image_url: "https://example.com", topK: 3 }, 422, "invalid_options"],
      ["__proto__", '{"image_url":"https://example.com","__proto__":{"top_k":1}}', 422, "invalid_options"],
      ["a relative URL", { image_url: "/cat.jpg" }, 422, "invalid_options"],
      ["a file", { image_url: "file:///etc/passwd" }, 422, "invalid_options"],
      ["a data: URL for a URL", { image_url: "data:,x" }, 422, "invalid_options"],
      ["credentials", { image_url: "https://me:pw@example.com/" }, 422, "invalid_options"],
      ["a URL without end", { image_url: `https://example.com/${"a".repeat(4_000)}` }, 422, "invalid_options"],
      ["a list of URLs", { image_url: ["https://example.com"] }, 422, "invalid_options"],
    ])("refuses %s, and keeps nothing", async (_what, body, status, code) => {
      const before = await client.classifier.payloadKeys()
      const problem = await expectProblem(await postJson(body), status, code)
      expect(problem.detail).not.toContain("pw@")
      expect(await client.classifier.payloadKeys()).toEqual(before)
    })

    it("refuses a data: URL that holds too much, however it is written", async () => {
      const much = "A".repeat(8_000_001)
      await expectProblem(await postJson({ image: `data:,${much}` }), 413, "image_too_large")
      await expectProblem(
        await postJson({ image: `data:;base64,${much}AAA${"A".repeat(2_700_000)}` }),
        413,
        "image_too_large",
      )
    })
  })

  describe("options", () => {
    it("of JSON are numbers and booleans; texts of them do as well, and null is none", async () => {
      const image_url = "https://example.com/typed.jpg"
      const key = { "idempotency-key": "typed" }
      const typed = { image_url, top_k: 3, threshold: 0.1 + 0.2, deadline_ms: 60_000, lang: null }
      const ticket = await expectTicket(await postJson(typed, key), 202)
      const texts = { image_url, top_k: "3", threshold: "0.30000000000000004", deadline_ms: "60000" }
      expect((await expectTicket(await postJson(texts, key), 202)).id).toBe(ticket.id)
      await client.drop(ticket)
      const inspected = await expectTicket(await postJson({ image_url, operation: "inspect", sha256: true }), 202)
      await client.drop(inspected)
      await expectProblem(await postJson({ image_url, top_k: 2.5 }), 422, "invalid_options")
    })

    it("that the operation does not have are refused, and say which it has", async () => {
      const response = await client.post(picture(), { query: "?operation=inspect&top_k=3" })
      const { detail } = await expectProblem(response, 422, "invalid_options")
      expect(detail).toContain('"top_k" is no option of inspect')
      await expectProblem(await client.post(picture(), { query: "?operation=inspect&model=m" }), 422, "invalid_options")
    })

    it("of an operation without a model make a ticket without one", async () => {
      const ticket = await client.submit({ query: "?operation=inspect" })
      expect(ticket).toMatchObject({ operation: "inspect", status: "queued", image: { format: "jpeg" } })
      expect(ticket).not.toHaveProperty("model")
      await client.drop(ticket)
    })
  })
}
