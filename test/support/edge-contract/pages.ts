import { describe, expect, it } from "vitest"
import { FakeClassifier } from "../edge-classifier.ts"
import { type EdgeRuntime, edgeEnv } from "../edge-runtime.ts"
import { expectProblem, picture } from "./client.ts"

const PAGE = "https://app.example"
const preflight = (origin: string): RequestInit => ({
  method: "OPTIONS",
  headers: {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,idempotency-key",
  },
})

/** What pages in browsers may do, and what browsers are told. */
export function pageContract(name: string, { startBackend, openEdge }: EdgeRuntime): void {
  describe(`pages and the edge ${name}`, () => {
    const withEdge = async (
      corsOrigins: string,
      use: (edge: Awaited<ReturnType<typeof openEdge>>) => Promise<void>,
    ) => {
      const backend = await startBackend()
      const edge = await openEdge(await edgeEnv(backend, { CORS_ORIGINS: corsOrigins }))
      try {
        await new FakeClassifier(backend).arrive()
        await use(edge)
      } finally {
        await edge.close()
        await backend.stop()
      }
    }
    const post = (headers: Record<string, string>): RequestInit => ({ method: "POST", body: picture(), headers })

    it("no page of another origin may call unless told, nor send a form unasked", async () => {
      await withEdge("", async (edge) => {
        const asked = await edge.request("/v1/classifications", preflight(PAGE))
        expect(asked.headers.get("access-control-allow-origin")).toBeNull()
        await expectProblem(asked, 405, "method_not_allowed")
        for (const site of ["cross-site", "same-site"]) {
          const response = await edge.request("/v1/classifications", post({ origin: PAGE, "sec-fetch-site": site }))
          await expectProblem(response, 403, "origin_not_allowed")
        }
        for (const site of ["same-origin", "none"]) {
          const response = await edge.request("/v1/classifications", post({ origin: PAGE, "sec-fetch-site": site }))
          expect(response.status).toBe(202)
        }
        const read = await edge.request("/v1/queue", { headers: { origin: PAGE, "sec-fetch-site": "cross-site" } })
        expect(read.headers.get("access-control-allow-origin")).toBeNull()
      })
    })

    it("pages of the origins that are named may call, read every header, and read refusals", async () => {
      await withEdge(`${PAGE} http://localhost:*`, async (edge) => {
        for (const origin of [PAGE, "http://localhost", "http://localhost:5173"]) {
          const asked = await edge.request("/v1/classifications", preflight(origin))
          expect(asked.status, origin).toBe(204)
          expect(asked.headers.get("access-control-allow-origin")).toBe(origin)
          expect(asked.headers.get("access-control-allow-methods")).toContain("POST")
          expect(asked.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("idempotency-key")
          expect(asked.headers.get("vary")).toContain("Origin")
        }
        const headers = { origin: PAGE, "sec-fetch-site": "cross-site" }
        const accepted = await edge.request("/v1/classifications", post(headers))
        expect(accepted.status).toBe(202)
        const exposed = accepted.headers.get("access-control-expose-headers")?.split(", ")
        for (const name of ["Location", "Retry-After", "Poll-After-Ms", "ETag"]) expect(exposed).toContain(name)
        const refused = await edge.request("/v1/nothing", { headers })
        expect(refused.headers.get("access-control-allow-origin")).toBe(PAGE)
        await expectProblem(refused, 404, "not_found")
        for (const origin of [
          "https://app.example.evil",
          "http://app.example",
          "https://evil",
          "http://localhost:1.evil",
          "null",
        ]) {
          const response = await edge.request("/v1/queue", { headers: { origin } })
          expect(response.headers.get("access-control-allow-origin"), origin).toBeNull()
          expect(response.headers.get("vary")).toContain("Origin")
        }
      })
    })

    it("with * all pages may call, and nothing depends on who asks", async () => {
      await withEdge("*", async (edge) => {
        const headers = { origin: PAGE, "sec-fetch-site": "cross-site" }
        const accepted = await edge.request("/v1/classifications", post(headers))
        expect(accepted.status).toBe(202)
        expect(accepted.headers.get("access-control-allow-origin")).toBe("*")
        expect(accepted.headers.get("access-control-allow-credentials")).toBeNull()
        expect(accepted.headers.get("vary") ?? "").not.toContain("Origin")
        expect(accepted.headers.get("cross-origin-resource-policy")).toBe("cross-origin")
      })
    })

    it("every answer tells browsers to make nothing of it, a refusal and a 304 too", async () => {
      await withEdge("", async (edge) => {
        const ticket = await edge.request("/v1/classifications", post({}))
        const location = ticket.headers.get("location") ?? ""
        const answers = [
          ticket,
          await edge.request(location, { headers: { "if-none-match": ticket.headers.get("etag") ?? "" } }),
          await edge.request("/healthz"),
          await edge.request("/nothing"),
          await edge.request("/v1/queue", { headers: { authorization: "Bearer nobody" } }),
          await edge.request("/v1/queue", { method: "PUT" }),
        ]
        expect(answers.map(({ status }) => status)).toEqual([202, 304, 200, 404, 401, 405])
        for (const { headers } of answers) {
          expect(headers.get("x-content-type-options")).toBe("nosniff")
          expect(headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'")
          expect(headers.get("referrer-policy")).toBe("no-referrer")
          expect(headers.get("cross-origin-resource-policy")).toBe("same-origin")
          expect(headers.get("strict-transport-security")).toBeNull()
        }
      })
    })
  })
}
