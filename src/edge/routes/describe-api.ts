import { createRoute } from "../openapi/api-route.ts"
import { createDocument, type OpenApiDocument } from "../openapi/create-document.ts"
import { type EdgeRouter, newRouter } from "../router.ts"

const read = createRoute({
  method: "get",
  path: "/openapi.json",
  operationId: "readApi",
  tag: "About",
  summary: "This document",
  access: "public",
  responses: {
    200: {
      description: "OpenAPI 3.1",
      content: { "application/json": { type: "object" } },
      headers: ["Cache-Control"],
    },
  },
  errors: [],
})

/** What the routes say of themselves. Made when it is first asked for: few isolates ever are. */
export function describeApi(routers: readonly EdgeRouter[]): EdgeRouter {
  let document: OpenApiDocument | undefined
  const about = newRouter()
  about.openapi(read, (c) => {
    const routes = [...routers, about].flatMap(({ described }) => described)
    document ??= createDocument(routes, { allowAnonymous: c.var.services.config.ALLOW_ANONYMOUS })
    c.header("Cache-Control", "public, max-age=300")
    return c.json(document)
  })
  return about
}
