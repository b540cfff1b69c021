import { describe, expect, it } from "vitest"
import { hashApiKey, newApiKey } from "../../../src/lib/callers/api-key.ts"
import { ApiKeyStore } from "../../../src/lib/callers/api-key-store.ts"
import { ALICE, BOB } from "../../support/edge/edge-runtime.ts"
import { bearer, type EdgeClient, expectProblem } from "./client.ts"

/** Who may see what. */
export function callerContract(client: EdgeClient): void {
  const { get, submit, drop, read, request } = client
  const makeKey = async (name: string) => {
    const { redis, keys } = client.classifier
    const key = await newApiKey()
    await new ApiKeyStore(redis, keys).create({ name, weight: 1, createdMs: Date.now() }, await hashApiKey(key))
    return key
  }

  describe("API keys", () => {
    it("refuses what is no bearer token, and says how to send one", async () => {
      const headers = ["Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer a, Bearer b", "Bearera", ALICE]
      for (const authorization of [...headers, `Bearer ${"a".repeat(6_000)}`, `Bearer${" ".repeat(6_000)}`]) {
        const response = await get("/v1/models", { authorization })
        expect(response.headers.get("www-authenticate")).toBe('Bearer realm="claimcheck"')
        await expectProblem(response, 401, "unauthorized")
      }
    })

    it("refuses a token that is no key", async () => {
      for (const token of [
        "nobody",
        `${ALICE}x`,
        ALICE.slice(1),
        ALICE.toUpperCase(),
        await newApiKey(),

        "%00",
      ]) {
        const response = await get("/v1/models", bearer(token))
        expect(response.headers.get("www-authenticate")).toMatch(/error="invalid_token"/)
        await expectProblem(response, 401, "unknown_key")
      }
    })

    it("takes a key that a person made, and tells one with a typo from one that is not known", async () => {
      const key = await makeKey("carol")
      const ticket = await submit({ headers: bearer(key) })
      expect((await read(ticket, bearer(key))).id).toBe(ticket.id)
      await expectProblem(await get(`/v1/classifications/${ticket.id}`, bearer(ALICE)), 404, "not_found")

      const flip = (at: number) => key.slice(0, at) + (key[at] === "a" ? "b" : "a") + key.slice(at + 1)
      const typos = [flip(3), flip(20), flip(key.length - 1), key.slice(0, -1), `${key}0`, key.slice(0, 8), "ck_"]
      for (const typo of [...typos, `ck_${key.slice(3).toUpperCase()}`]) {
        await expectProblem(await get("/v1/models", bearer(typo)), 401, "mistyped_key")
      }
    })

    it("shows a key its own tickets and nobody else's", async () => {
      const ticket = await submit({ headers: bearer(ALICE), query: "?webhook_url=https://example.com/hook" })
      const path = `/v1/classifications/${ticket.id}`
      expect((await read(ticket, bearer(ALICE))).id).toBe(ticket.id)
      for (const headers of [bearer(BOB), bearer(await makeKey(`dave-${ticket.id.slice(-8)}`)), {}]) {
        await expectProblem(await get(path, headers), 404, "not_found")
        await expectProblem(await drop(ticket, headers), 404, "not_found")
        await expectProblem(await get(`${path}/deliveries`, headers), 404, "not_found")
        await expectProblem(await request(`${path}/deliveries`, { method: "POST", headers }), 404, "not_found")
      }
      expect((await read(ticket, bearer(ALICE))).status).toBe("queued")
    })

    it("takes the ticket of an anonymous caller as the capability", async () => {
      const ticket = await submit()
      expect((await read(ticket, bearer(BOB))).id).toBe(ticket.id)
    })
  })
}
