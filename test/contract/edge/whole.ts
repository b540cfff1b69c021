import { describe, expect, it } from "vitest"
import { ASLEEP, AWAKE } from "../../support/edge/edge-classifier.ts"
import { type EdgeClient, expectProblem } from "./client.ts"

/** What can be known of the whole, and what is not there. */
export function wholeContract(client: EdgeClient): void {
  const { get, submit } = client

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
            languages: [],
            classifiers: 1,
          },
        ],
        unserved: [{ id: ASLEEP, last_seen: expect.stringMatching(/^20\d\d-.*Z$/) }],
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
      const ready = { status: "ready", classifiers: 1, paused: false, warnings: [] }
      expect(await (await get("/readyz")).json()).toEqual(ready)
    })

    it("answers 404 where there is nothing", async () => {
      for (const path of ["/v1/nothing", "/nothing", "/v1/classifications/", "/v1/classifications/a/b", "/v1"]) {
        await expectProblem(await get(path), 404, "not_found")
      }
    })

    it("refuses a parameter that the request does not have, whichever it is, and tells which it has", async () => {
      for (const [path, takes] of [
        ["/v1/batches/bat_x/results?fromat=jsonl", "format, after, limit"],
        ["/v1/classifications/cls_x?wait=30", "no parameters"],
        ["/v1/batches/bat_x?format=csv", "no parameters"],
        ["/v1/models?fields=id", "no parameters"],
        ["/v1/queue?model=m", "no parameters"],
      ] as const) {
        const { detail } = await expectProblem(await get(path), 422, "invalid_options")
        expect(detail, path).toContain(
          `"${/\?(\w+)/.exec(path)?.[1]}" is no parameter here; this request takes ${takes}`,
        )
      }
      // What is public is opened by browsers and probes, which add parameters of their own.
      expect((await get("/healthz?probe=1")).status).toBe(200)
    })

    it("answers 405 with what is allowed to another method", async () => {
      const cases = [
        ["/v1/classifications", "PUT", "POST"],
        ["/v1/classifications/cls_x", "POST", "GET, DELETE"],
        ["/v1/models", "DELETE", "GET"],
        ["/healthz", "POST", "GET"],
      ] as const
      for (const [path, method, allow] of cases) {
        const response = await client.request(path, { method })
        expect(response.headers.get("allow"), path).toBe(allow)
        const { detail } = await expectProblem(response, 405, "method_not_allowed")
        // `curl -T FILE` sends PUT.
        if (method === "PUT") expect(detail).toContain("use curl --data-binary @FILE")
      }
    })
  })
}
