import * as z from "zod"
import { AppError } from "../../lib/app-error.ts"
import { matchesETag } from "../http/matches-etag.ts"
import { createRoute } from "../openapi/api-route.ts"
import { bodyOf } from "../page/page-file.ts"
import { files, html } from "../page/page-files.ts"
import { newRouter } from "../router.ts"

/** Nothing but what this server serves: no inline script or style, no other host, no frame around it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ")

const text = { type: "string" }
const HEADERS = ["Cache-Control", "ETag"] as const

const readPage = createRoute({
  method: "get",
  path: "/",
  operationId: "readPage",
  tag: "About",
  summary: "Show the web page",
  access: "public",
  responses: {
    200: { description: "HTML", content: { "text/html": text }, headers: HEADERS },
    304: { description: "Unchanged", headers: HEADERS },
  },
  errors: [],
})

const readFile = createRoute({
  method: "get",
  path: "/page/{name}",
  operationId: "readPageFile",
  tag: "About",
  summary: "Download a file of the web page, or a sample",
  access: "public",
  request: { params: z.object({ name: z.string().meta({ description: "Contains the hash of the content" }) }) },
  responses: {
    200: {
      description: "The file",
      content: { "text/javascript": text, "text/css": text, "image/svg+xml": text, "image/jpeg": {} },
      headers: ["Cache-Control"],
    },
  },
  errors: ["not_found"],
})

/** The web page and its files. They need no authentication; the API that they call does. */
export const page = newRouter()

page.openapi(readPage, (c) => {
  c.header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
  c.header("Cache-Control", "no-cache")
  c.header("ETag", html.etag)
  if (matchesETag(c.req.header("if-none-match"), html.etag)) return c.body(null, 304)
  return c.html(html.text)
})

page.openapi(readFile, (c) => {
  const file = files.find(({ path }) => path === c.req.path)
  if (file === undefined) throw new AppError("not_found", `There is nothing at ${c.req.path}`)
  c.header("Content-Type", file.contentType)
  c.header("Cache-Control", "public, max-age=31536000, immutable")
  return c.body(bodyOf(file))
})
