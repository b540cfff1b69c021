import { describe, expect, it } from "vitest"
import type { Ticket } from "../../../src/lib/tickets/ticket.ts"
import { FakeClassifier, succeed } from "../../support/edge/edge-classifier.ts"
import { type EdgeRuntime, edgeEnv } from "../../support/edge/edge-runtime.ts"
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
      use: (edge: Awaited<ReturnType<typeof openEdge>>, classifier: FakeClassifier) => Promise<void>,
      env: Record<string, string> = {},
    ) => {
      const backend = await startBackend()
      const edge = await openEdge(await edgeEnv(backend, { CORS_ORIGINS: corsOrigins, ...env }))
      try {
        const classifier = new FakeClassifier(backend)
        await classifier.arrive()
        await use(edge, classifier)
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

    it("links are those of PUBLIC_URL, wherever the request has come from; without it they lead back there", async () => {
      const list = { method: "POST", body: "url\nhttps://a.example/1.jpg", headers: { "content-type": "text/csv" } }
      const links = async (edge: Awaited<ReturnType<typeof openEdge>>) => {
        const picture = await edge.request("/v1/classifications", post({}))
        const batch = await edge.request("/v1/batches?operation=inspect", list)
        const { id, results_url } = (await batch.json()) as { id: string; results_url: string }
        const rows = await edge.request(`/v1/batches/${id}/results`)
        const found = [
          picture.headers.get("location"),
          batch.headers.get("location"),
          rows.headers.get("link"),
          results_url,
        ]
        return found.map((link) => link?.replaceAll(/(cls|bat)_\w+/g, "ID").replace(/\?.*/, ""))
      }
      const PUBLIC_URL = "https://api.example/pictures"
      await withEdge("", async (edge) =>
        expect((await links(edge)).slice(0, 3)).toEqual([
          "/v1/classifications/ID",
          "/v1/batches/ID",
          "</v1/batches/ID/results",
        ]),
      )
      const paths = ["/v1/classifications/ID", "/v1/batches/ID", "/v1/batches/ID/results", "/v1/batches/ID/results"]
      const [picture, batch, rows, results] = paths.map((path) => PUBLIC_URL + path)
      await withEdge("", async (edge) => expect(await links(edge)).toEqual([picture, batch, `<${rows}`, results]), {
        PUBLIC_URL,
      })
    })

    it("a ticket says where its output is by PUBLIC_URL, and leaves a link to a bucket as it is", async () => {
      const output = { id: "out_1", contentType: "image/webp", bytes: 10, sha256: "5ha" }
      const outputUrl = (url?: string, env: Record<string, string> = {}) =>
        new Promise<string | undefined>((resolve, reject) => {
          const use = async (edge: Awaited<ReturnType<typeof openEdge>>, classifier: FakeClassifier) => {
            const location = (await edge.request("/v1/classifications", post({}))).headers.get("location") ?? ""
            await classifier.work((job) => {
              const done = succeed(job)
              if (done.state === "succeeded") done.result.output = { ...output, ...(url !== undefined && { url }) }
              return done
            })
            const ticket = (await (await edge.request(location.replace(/^https?:.*(?=\/v1\/)/, ""))).json()) as Ticket
            resolve(ticket.output?.url)
          }
          withEdge("", use, env).catch(reject)
        })
      const PUBLIC_URL = "https://api.example/pictures"
      expect(await outputUrl()).toBe("/v1/outputs/out_1")
      expect(await outputUrl(undefined, { PUBLIC_URL })).toBe(`${PUBLIC_URL}/v1/outputs/out_1`)
      expect(await outputUrl("https://bucket.example/1.webp", { PUBLIC_URL })).toBe("https://bucket.example/1.webp")
    })

    it("no page of another origin may send, though its browser gives no mark", async () => {
      await withEdge("", async (edge) => {
        for (const origin of [PAGE, "http://localhost:1", "null"]) {
          await expectProblem(await edge.request("/v1/classifications", post({ origin })), 403, "origin_not_allowed")
        }
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
