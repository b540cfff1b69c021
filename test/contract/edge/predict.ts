import { describe, expect, it } from "vitest"
import { type EdgeClient, expectProblem, picture } from "./client.ts"

/** The tutorial's contract. */
export function predictContract(client: EdgeClient): void {
  describe("POST /predict", () => {
    const predict = (body: BodyInit) => client.request("/predict", { method: "POST", body })
    const formOf = (bytes: Uint8Array<ArrayBuffer>) => {
      const form = new FormData()
      form.set("image", new File([bytes], "x.jpg"))
      return form
    }

    it("waits, and answers as the tutorial does", async () => {
      // What earlier tests left in the queue: the work waited for below is this picture's.
      while ((await client.classifier.claim()).length > 0);
      const answer = predict(formOf(picture()))
      await client.classifier.work()
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
        [await client.request("/predict?top_k=0", { method: "POST", body: picture() }), 422, "invalid_options"],
        [
          await client.request("/predict", { headers: { authorization: "Bearer no" }, method: "POST" }),
          401,
          "unknown_key",
        ],
        [await client.request("/predict"), 405, "method_not_allowed"],
      ] as const
      for (const [response, status, code] of answers) {
        expect(await expectProblem(response, status, code)).toMatchObject({ success: false })
      }
    })

    it("gives the reason of a failed job with the status of its code", async () => {
      const answer = predict(formOf(picture()))
      await client.classifier.work(() => ({ state: "failed", error: { code: "invalid_image", message: "It is torn" } }))
      expect(await expectProblem(await answer, 422, "invalid_image")).toMatchObject({
        success: false,
        detail: "It is torn",
      })
    })
  })
}
