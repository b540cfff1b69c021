import { renderDocs } from "../docs/render-docs.ts"
import { renderLlms, renderLlmsFull } from "../docs/render-llms.ts"
import { STYLE } from "../docs/style.ts"
import { baseUrl, linkTo } from "../http/names.ts"
import { createRoute } from "../openapi/api-route.ts"
import { createDocument, type OpenApiDocument } from "../openapi/create-document.ts"
import { type EdgeContext, type EdgeRouter, newRouter } from "../router.ts"

const readDocument = createRoute({
  method: "get",
  path: "/openapi.json",
  operationId: "readApi",
  tag: "About",
  summary: "Get this document",
  access: "public",
  responses: {
    200: {
      description: "OpenAPI 3.1",
      content: { "application/json": { type: "object", additionalProperties: true } },
      headers: ["Cache-Control"],
    },
  },
  errors: [],
})

const readDocs = createRoute({
  method: "get",
  path: "/docs",
  operationId: "readDocs",
  tag: "About",
  summary: "Show this document as a page with guides",
  access: "public",
  responses: {
    200: { description: "HTML", content: { "text/html": { type: "string" } }, headers: ["Cache-Control"] },
  },
  errors: [],
})

const CACHED = ["Cache-Control", "public, max-age=300"] as const

const plainText = {
  description: "Markdown",
  content: { "text/plain": { type: "string" } },
  headers: ["Cache-Control"],
} as const

const readLlms = createRoute({
  method: "get",
  path: "/llms.txt",
  operationId: "readLlms",
  tag: "About",
  summary: "List the guides and the reference for language models",
  access: "public",
  responses: { 200: plainText },
  errors: [],
})

const readLlmsFull = createRoute({
  method: "get",
  path: "/llms-full.txt",
  operationId: "readLlmsFull",
  tag: "About",
  summary: "Get the guides, operations and errors as one text",
  access: "public",
  responses: { 200: plainText },
  errors: [],
})

/** What the routes say of themselves. Made when it is first asked for: few isolates ever are. */
export function describeApi(routers: readonly EdgeRouter[]): EdgeRouter {
  const about = newRouter()
  let document: OpenApiDocument | undefined
  let contentSecurityPolicy: string | undefined
  const describe = (c: EdgeContext): OpenApiDocument => {
    const routes = [...routers, about].flatMap(({ described }) => described)
    document ??= createDocument(routes, { allowAnonymous: c.var.services.config.ALLOW_ANONYMOUS })
    c.header(...CACHED)
    return { ...document, servers: [{ url: linkTo(c, "") || "/" }] }
  }

  about.openapi(readDocument, (c) => c.json(describe(c)))

  about.openapi(readDocs, async (c) => {
    contentSecurityPolicy ??= await policyFor(STYLE)
    c.header("Content-Security-Policy", contentSecurityPolicy)
    return c.html(renderDocs(describe(c), baseUrl(c)))
  })

  about.openapi(readLlms, (c) => {
    c.header(...CACHED)
    return c.text(renderLlms(baseUrl(c)))
  })
  about.openapi(readLlmsFull, (c) => c.text(renderLlmsFull(describe(c), baseUrl(c))))
  return about
}

/** Nothing but this style: no script, no image, no other host, no frame around it. */
async function policyFor(style: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style))
  const hash = btoa(String.fromCharCode(...new Uint8Array(digest)))
  return `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
}
