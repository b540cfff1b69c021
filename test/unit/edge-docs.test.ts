import { createHash } from "node:crypto"
import { beforeAll, describe, expect, it } from "vitest"
import { ERRORS } from "../../src/lib/app-error.ts"
import { examplesOf } from "../support/docs-examples.ts"
import { openDetachedApp, readDocument } from "../support/edge-document.ts"

const ORIGIN = "https://api.example:8443"

describe("GET /docs", () => {
  let page: string
  let headers: Headers
  beforeAll(async () => {
    const response = await (await openDetachedApp()).request(`${ORIGIN}/docs`)
    expect(response.status).toBe(200)
    page = await response.text()
    headers = response.headers
  })

  it("allows nothing but its own style, and has no script, no handler, no style beside it", () => {
    const styles = [...page.matchAll(/<style>([\s\S]*?)<\/style>/g)].map(([, style = ""]) => style)
    expect(styles).toHaveLength(1)
    const hash = createHash("sha256").update(String(styles[0])).digest("base64")
    expect(headers.get("content-security-policy")).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    )
    expect(page).not.toMatch(/<(script|img|link|iframe|object|form)\b/i)
    expect(page).not.toMatch(/<[a-z][^>]*(\s(on\w+|style)=|="javascript:)/i)
    expect(styles[0]).not.toMatch(/url\(|@import/)
  })

  it("asks no other host: every link is its own", () => {
    for (const [, address] of page.matchAll(/(?:href|src|action)="([^"]*)"/g)) expect(address).toMatch(/^(#|\/[^/])/)
  })

  it("leads to what it names: every link on the page has its place", () => {
    const ids = new Set([...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id))
    for (const [, id] of page.matchAll(/href="#([^"]*)"/g)) expect(ids.has(id), id).toBe(true)
  })

  it("shows every operation and every error code of the document", async () => {
    const { paths } = await readDocument()
    for (const [path, methods] of Object.entries(paths)) {
      expect(page).toContain(` ${path}</code>`)
      for (const operation of Object.values(methods)) expect(page).toContain(`id="${String(operation.operationId)}"`)
    }
    for (const code of Object.keys(ERRORS)) expect(page).toContain(`<code>${code}</code>`)
  })

  it("names the address that it came from in its examples", () => {
    const examples = examplesOf(page)
    expect(examples.length).toBeGreaterThan(10)
    for (const { code, language } of examples) {
      expect(code).not.toContain("{origin}")
      if (!code.includes("WEBHOOK_SECRET")) expect(code, language).toContain(ORIGIN)
    }
  })

  it("is not made to say what the Host header says as markup", async () => {
    const response = await (await openDetachedApp()).request("http://a'b/docs")
    expect(await response.text()).not.toContain("http://a'b")
  })
})
