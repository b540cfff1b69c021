import { describe, expect, it } from "vitest"
import { ALICE, BOB } from "../edge-runtime.ts"
import { bearer, type EdgeClient, expectProblem } from "./client.ts"

/** Who may see what. */
export function callerContract(client: EdgeClient): void {
  const { get, submit, drop, read } = client

  describe("API keys", () => {
    it("refuses a bearer token that is no key, and says how to send one", async () => {
      for (const authorization of ["Bearer nobody", "Bearer", "Basic YTpi", "Bearer a b"]) {
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
}
