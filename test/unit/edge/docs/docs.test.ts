import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import { ERRORS } from "../../../../src/lib/app-error.ts"
import { Claimcheck } from "../../../../src/lib/client/claimcheck.ts"
import { webhookEventTypes } from "../../../../src/lib/webhooks/webhook-event.ts"
import { examplesOf } from "../../../support/docs/docs-examples.ts"
import { openDetachedApp, readDocument } from "../../../support/edge/edge-document.ts"

const ORIGIN = "https://api.example:8443"

describe("GET /docs", () => {
  let page: string
  let headers: Headers
  beforeAll(async () => {
    const response = await (await openDetachedApp({ ALLOWED_HOSTS: "*" })).request(`${ORIGIN}/docs`)
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
    for (const [, address] of page.matchAll(/(?:href|src|action)="([^"]*)"/g))
      expect(address).toMatch(/^(#|openapi\.json$)/)
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
    for (const type of webhookEventTypes) expect(page).toContain(`<code id="${type}">${type}</code>`)
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
    const response = await (await openDetachedApp({ ALLOWED_HOSTS: "*" })).request("http://a'b/docs")
    expect(await response.text()).not.toContain("http://a'b")
  })
})

describe("GET /llms.txt and /llms-full.txt", () => {
  const ask = async (path: string) => (await openDetachedApp({ ALLOWED_HOSTS: "*" })).request(`${ORIGIN}${path}`)

  it("/llms.txt links to what there is, at the address that it came from", async () => {
    const response = await ask("/llms.txt")
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/plain; charset=UTF-8"])
    expect(response.headers.get("cache-control")).toBe("public, max-age=300")
    const text = await response.text()
    expect(text).toMatch(/^# claimcheck\n\n> \w/)
    const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => link)
    expect(links.length).toBeGreaterThan(5)
    for (const link of links) expect((await ask(link.replace(ORIGIN, ""))).status, link).toBe(200)
  })

  it("/llms-full.txt has every example of /docs as it stands there, every operation and every error", async () => {
    const text = await (await ask("/llms-full.txt")).text()
    for (const { code } of examplesOf(await (await ask("/docs")).text())) expect(text).toContain(code)
    const { paths } = await readDocument()
    for (const [path, methods] of Object.entries(paths))
      for (const method of Object.keys(methods)) expect(text).toContain(`\`${method.toUpperCase()} ${path}\``)
    for (const code of Object.keys(ERRORS)) expect(text).toContain(`- \`${code}\``)
    expect(text).not.toContain("{origin}")
  })
})

describe("docs/*.md", () => {
  const read = (name: string) => readFileSync(`docs/${name}`, "utf8")
  /** The first cells of the rows of its tables: each name that stands there as code. */
  const namesIn = (name: string) =>
    [...read(name).matchAll(/^\| ([^|]*) \|/gm)]
      .flatMap(([, cell = ""]) => [...cell.matchAll(/`([\w.]+)`/g)])
      .map(([, code]) => code)

  it("webhooks.md has every type of event", () => {
    expect(namesIn("webhooks.md")).toEqual(expect.arrayContaining(webhookEventTypes))
  })

  it("batches.md has every option of a batch that belongs to no operation, and top_k", async () => {
    const parameters = ((await readDocument()).paths["/v1/batches"]?.post?.parameters ?? []) as {
      name: string
      in: string
      description: string
    }[]
    const own = parameters.filter(({ in: place, description }) => place === "query" && !/^`\w+`/.test(description))
    const options = [...own.map(({ name }) => name), "top_k", "output_format"]
    expect(options.length).toBeGreaterThan(8)
    expect(namesIn("batches.md")).toEqual(expect.arrayContaining(options))
  })

  it("client.md has every option of the client", async () => {
    const wrong = { nobody: 1 } as object
    const claimcheck = new Claimcheck({ url: "http://127.0.0.1:9" })
    const refusals = await Promise.allSettled([
      (async () => new Claimcheck({ url: "http://127.0.0.1:9", ...wrong }))(),
      claimcheck.classify(new Uint8Array(), wrong),
    ])
    const options = refusals.flatMap((refusal) =>
      String((refusal as PromiseRejectedResult).reason)
        .split("the options are ")[1]
        ?.split(", "),
    )
    expect(options.length).toBeGreaterThan(20)
    expect(namesIn("client.md")).toEqual(expect.arrayContaining(options))
  })
})
