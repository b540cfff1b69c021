import { describe, expect, it } from "vitest"
import { isAllowedHost } from "../../../../src/lib/allowed-hosts.ts"
import { openDetachedApp } from "../../../support/edge/edge-document.ts"

const code = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code]
const ANONYMOUS = { ALLOW_ANONYMOUS: "true" }
const KEYS_ONLY = { ALLOW_ANONYMOUS: "false" }

describe("isAllowedHost()", () => {
  it.each([
    "localhost",
    "LOCALHOST.",
    "app.localhost",
    "127.0.0.1",
    "192.168.1.7",
    "[::1]",
    "[fd00::7]",
    "api.example",
  ])("takes %s", (name) => expect(isAllowedHost(name, ["api.example"])).toBe(true))
  it.each([
    "",
    "evil.example",
    "localhost.evil",
    "127.0.0.1.evil",
    "evil-api.example",
    "api.example.evil",
    "xlocalhost",
  ])("refuses %j", (name) => expect(isAllowedHost(name, ["api.example"])).toBe(false))

  it("refuses what is longer than any name", () => expect(isAllowedHost(`${"a.".repeat(200)}b`, ["*"])).toBe(false))
})

describe("the names of an edge", () => {
  const statusAt = async (url: string, env: Record<string, string>) =>
    (await (await openDetachedApp(env)).request(url)).status

  it("refuses every path under a foreign name where callers need no key, and says which variables name it", async () => {
    const app = await openDetachedApp(ANONYMOUS)
    for (const path of ["/", "/docs", "/healthz", "/v1/queue", "/nothing"]) {
      const response = await app.request(`http://evil.example${path}`)
      expect(await code(response.clone() as Response)).toEqual([421, "host_not_allowed"])
      expect(await response.text()).toMatch(/PUBLIC_URL.*ALLOWED_HOSTS/)
    }
  })

  it("answers to its own names, to those that are configured, and to addresses", async () => {
    const env = { ...ANONYMOUS, PUBLIC_URL: "https://api.example/pictures", ALLOWED_HOSTS: "Edge.Internal" }
    for (const host of ["localhost:8787", "127.0.0.1", "10.0.0.7:8787", "[::1]:8787", "api.example", "edge.internal"]) {
      expect([host, await statusAt(`http://${host}/healthz`, env)]).toEqual([host, 200])
    }
  })

  it("answers to any name where all callers have keys, unless names are given", async () => {
    expect(await statusAt("https://whatever.example/healthz", KEYS_ONLY)).toBe(200)
    expect(await statusAt("https://whatever.example/healthz", { ...KEYS_ONLY, ALLOWED_HOSTS: "api.example" })).toBe(421)
    expect(await statusAt("https://whatever.example/healthz", { ...ANONYMOUS, ALLOWED_HOSTS: "*" })).toBe(200)
  })
})

describe("pages of other origins", () => {
  const post = async (
    headers: Record<string, string>,
    env: Record<string, string> = {},
    at = "http://localhost:8787",
  ) => {
    const app = await openDetachedApp({ ...ANONYMOUS, ...env })
    const response = await app.request(`${at}/v1/classifications`, { method: "POST", headers, body: "not a picture" })
    return (await code(response))[1]
  }
  const foreign = [
    "https://evil.example",
    "http://localhost:3000",
    "http://localhost",
    "null",
    "http://localhost:8787.evil",
  ]

  it("are refused by their Origin alone, which is all that browsers send over plain http", async () => {
    for (const origin of foreign) expect([origin, await post({ origin })]).toEqual([origin, "origin_not_allowed"])
  })

  it("are let in by CORS_ORIGINS; our own, by the name it was called by or PUBLIC_URL", async () => {
    const passes = "unsupported_image"
    expect(await post({})).toBe(passes)
    expect(await post({ origin: "http://localhost:8787" })).toBe(passes)
    expect(await post({ origin: "http://localhost:3000" }, { CORS_ORIGINS: "http://localhost:*" })).toBe(passes)
    expect(await post({ origin: "null" }, { CORS_ORIGINS: "*" })).toBe(passes)
    const behindProxy = { PUBLIC_URL: "https://api.example/pictures" }
    expect(await post({ origin: "https://api.example" }, behindProxy, "http://10.0.0.7:8787")).toBe(passes)
    // A proxy that ends TLS hands the name on.
    expect(await post({ origin: "https://edge.test" }, {}, "http://edge.test")).toBe(passes)
    expect(await post({ origin: "http://edge.test" }, {}, "https://edge.test")).toBe("origin_not_allowed")
  })

  it("cannot be told from the mark of a browser by what they write", async () => {
    expect(await post({ origin: "http://localhost:8787", "sec-fetch-site": "cross-site" })).toBe("origin_not_allowed")
    expect(await post({ origin: "https://api.example", "sec-fetch-site": "same-origin" })).toBe("unsupported_image")
  })
})

describe("PUBLIC_URL", () => {
  it("is where the document and the guides say that the API is; without it they say where they were asked", async () => {
    const app = await openDetachedApp({ ...ANONYMOUS, PUBLIC_URL: "https://api.example/pictures/" })
    const { servers } = (await (await app.request("http://10.0.0.7/openapi.json")).json()) as { servers: unknown }
    expect(servers).toEqual([{ url: "https://api.example/pictures" }])
    const docs = await (await app.request("http://10.0.0.7/docs")).text()
    expect(docs).toContain("https://api.example/pictures/v1/classifications")
    expect(docs).not.toContain("10.0.0.7")
    const plain = await openDetachedApp(ANONYMOUS)
    expect(await (await plain.request("http://10.0.0.7/docs")).text()).toContain("http://10.0.0.7/v1/classifications")
  })

  it.each(["api.example", "ftp://api.example", "https://api.example/?a=1"])("cannot be %s", async (PUBLIC_URL) => {
    await expect(openDetachedApp({ PUBLIC_URL })).rejects.toThrow("PUBLIC_URL")
  })
})
