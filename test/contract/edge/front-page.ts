import { describe, expect, it } from "vitest"
import type { EdgeClient } from "./client.ts"
import { expectProblem } from "./client.ts"

type Samples = { samples: { name: string; label: string; url: string }[] }

/** The web page and its files, as every runtime serves them. */
export function frontPageContract({ get, request }: EdgeClient): void {
  describe("the page", () => {
    it("GET / answers HTML that may load nothing but this server's files, and has none inline", async () => {
      const response = await get("/")
      expect(response.status).toBe(200)
      expect(response.headers.get("content-type")).toMatch(/^text\/html; charset=utf-8/i)
      const policy = response.headers.get("content-security-policy") ?? ""
      expect(policy).toContain("default-src 'none'")
      expect(policy).not.toMatch(/unsafe|https?:|\*|data:/)
      const html = await response.text()
      expect(html).not.toMatch(/<style|style=|<script(?![^>]*src=)|\son\w+=|(src|href|action)="?\s*(https?:)?\/\//)
    })

    it("GET / is asked for again each time, and is 304 when it is the same", async () => {
      const first = await get("/")
      expect(first.headers.get("cache-control")).toBe("no-cache")
      const etag = first.headers.get("etag") ?? ""
      await first.text()
      const again = await get("/", { "if-none-match": etag })
      expect(again.status).toBe(304)
      expect(await again.text()).toBe("")
      const other = await get("/", { "if-none-match": '"another"' })
      expect(other.status).toBe(200)
      await other.text()
    })

    it("serves every file that the page names, for ever", async () => {
      const html = await (await get("/")).text()
      const paths = [...html.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g)].map(([, path]) => path ?? "")
      expect(paths.map((path) => path.replace(/\.[0-9a-f]{12}/, "")).sort()).toEqual([
        "/page/icon.svg",
        "/page/main.js",
        "/page/page.css",
      ])
      for (const path of paths) {
        const response = await get(path)
        expect(response.status, path).toBe(200)
        expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable")
        expect(response.headers.get("x-content-type-options")).toBe("nosniff")
        expect((await response.text()).length).toBeGreaterThan(100)
      }
      for (const path of ["/page/main.js", "/page/", "/page/..%2fapp.ts", "/page/__proto__"]) {
        await expectProblem(await get(path), 404, "not_found")
      }
    })

    it("GET /v1/samples lists pictures, and serves them, without a key", async () => {
      const response = await get("/v1/samples")
      expect(response.status).toBe(200)
      const { samples } = (await response.json()) as Samples
      expect(samples.length).toBeGreaterThanOrEqual(6)
      for (const { name, label, url } of samples) {
        expect([name, label]).toEqual([expect.stringMatching(/^[a-z-]+$/), expect.any(String)])
        const picture = await get(url)
        expect(picture.headers.get("content-type")).toBe("image/jpeg")
        const bytes = new Uint8Array(await picture.arrayBuffer())
        expect([...bytes.subarray(0, 3)]).toEqual([0xff, 0xd8, 0xff])
      }
    })

    it("takes nothing but GET", async () => {
      for (const path of ["/", "/v1/samples"]) {
        const response = await request(path, { method: "POST" })
        expect(response.headers.get("allow"), path).toBe("GET")
        await expectProblem(response, 405, "method_not_allowed")
      }
    })
  })
}
