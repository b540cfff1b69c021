import { describe, expect, it } from "vitest"
import { outputIdOf } from "../../../src/lib/outputs/output-id.ts"
import { StoredOutputs } from "../../../src/lib/outputs/stored-outputs.ts"
import { ALICE, BOB } from "../../support/edge/edge-runtime.ts"
import { bearer, type EdgeClient, expectProblem } from "./client.ts"

const LIMITS = { maxBytes: 8e6, maxAllBytes: 1e9, ttlMs: 60_000 }
const DIGITS = new TextEncoder().encode("0123456789")

/** What operations have made, handed out as a file. */
export function outputContract(client: EdgeClient): void {
  const { get, request, submit } = client

  /** An output of ten digits, unless told otherwise, as a classifier stores it. */
  async function makeOutput({ bytes = DIGITS, headers = {}, caller = "ip:somebody" } = {}) {
    const ticket = await submit({ headers })
    const jobId = ticket.id.slice(4, 30)
    const outputs = new StoredOutputs(client.classifier.redis, client.classifier.keys, LIMITS)
    await outputs.put(jobId, { bytes, caller, contentType: "image/webp", sha256: "5ha" }, { nowMs: Date.now() })
    return { ticket, path: `/v1/outputs/${await outputIdOf(jobId, ticket.id)}` }
  }

  describe("GET /v1/outputs/{id}", () => {
    it("gives the bytes as they were stored, as a file that no browser takes for anything else", async () => {
      const noise = crypto.getRandomValues(new Uint8Array(60_000))
      const { path } = await makeOutput({ bytes: noise })
      const response = await get(path)
      expect([response.status, new Uint8Array(await response.arrayBuffer())]).toEqual([200, noise])
      expect(Object.fromEntries(response.headers)).toMatchObject({
        "content-type": "image/webp",
        "content-length": "60000",
        "accept-ranges": "bytes",
        etag: '"5ha"',
        "cache-control": "private, max-age=3600",
        "content-disposition": expect.stringMatching(/^inline; filename="[0-9a-z]{26}\.webp"$/),
        "x-content-type-options": "nosniff",
        "content-security-policy": expect.stringContaining("sandbox"),
      })
    })

    it("gives HEAD the same headers and no body", async () => {
      const { path } = await makeOutput()
      const response = await request(path, { method: "HEAD" })
      expect([response.status, response.headers.get("etag"), await response.text()]).toEqual([200, '"5ha"', ""])
    })

    it("gives one range as 206, and everything for what it may pass over", async () => {
      const { path } = await makeOutput()
      const ask = async (range: string, headers: Record<string, string> = {}) => {
        const response = await get(path, { range, ...headers })
        return [response.status, await response.text(), response.headers.get("content-range")]
      }
      expect(await ask("bytes=2-4")).toEqual([206, "234", "bytes 2-4/10"])
      expect(await ask("bytes=7-")).toEqual([206, "789", "bytes 7-9/10"])
      expect(await ask("bytes=7-99")).toEqual([206, "789", "bytes 7-9/10"])
      expect(await ask("bytes=-3")).toEqual([206, "789", "bytes 7-9/10"])
      expect(await ask("bytes=-99")).toEqual([206, "0123456789", "bytes 0-9/10"])
      expect(await ask("bytes=2-4", { "if-range": '"5ha"' })).toEqual([206, "234", "bytes 2-4/10"])
      expect(await ask("bytes=2-4", { "if-range": '"other"' })).toEqual([200, "0123456789", null])
      for (const odd of ["bytes=4-2", "bytes=1-2,4-5", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b", "2-4"]) {
        expect(await ask(odd), odd).toEqual([200, "0123456789", null])
      }
    })

    it("answers 416 with the length for a range behind the end", async () => {
      const { path } = await makeOutput()
      for (const range of ["bytes=10-", "bytes=99-100", "bytes=-0"]) {
        const response = await get(path, { range })
        expect(response.headers.get("content-range"), range).toBe("bytes */10")
        await expectProblem(response, 416, "range_not_satisfiable")
      }
    })

    it("answers 304 to who has it", async () => {
      const { path } = await makeOutput()
      for (const tag of ['"5ha"', 'W/"5ha"', '"other", "5ha"', "*"]) {
        const response = await get(path, { "if-none-match": tag })
        expect([response.status, await response.text(), response.headers.get("etag")]).toEqual([304, "", '"5ha"'])
      }
      expect((await get(path, { "if-none-match": '"other"' })).status).toBe(200)
    })

    it("is the API key's alone whose job made it", async () => {
      const { path } = await makeOutput({ headers: bearer(ALICE), caller: "key:alice" })
      expect((await get(path, bearer(ALICE))).status).toBe(200)
      await expectProblem(await get(path, bearer(BOB)), 404, "not_found")
      await expectProblem(await get(path), 404, "not_found")
    })

    it("answers 404 for what was never one, is forged, is a ticket, or has expired", async () => {
      const { path, ticket } = await makeOutput()
      const forged = path.slice(0, -1) + (path.endsWith("0") ? "1" : "0")
      const odd = ["x", "out_", ticket.id, ticket.id.replace("cls_", "out_"), "%E0%A4%A", "%00"]
      for (const wrong of [forged, path.toUpperCase(), `${path}0`, ...odd.map((id) => `/v1/outputs/${id}`)]) {
        await expectProblem(await get(wrong), 404, "not_found")
      }
      await client.classifier.sdk.del(client.classifier.keys.output(ticket.id.slice(4, 30)))
      await expectProblem(await get(path), 404, "not_found")
    })
  })
}
