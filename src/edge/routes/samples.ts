import * as z from "zod"
import { createRoute } from "../openapi/api-route.ts"
import { samples as list } from "../page/page-files.ts"
import { newRouter } from "../router.ts"

const sampleSchema = z
  .object({
    name: z.string(),
    label: z.string().meta({ description: "What the embedded model says to it" }),
    url: z.string().meta({ description: "Where the picture is: a path of this server" }),
  })
  .meta({ id: "Sample" })

const read = createRoute({
  method: "get",
  path: "/v1/samples",
  operationId: "listSamples",
  tag: "Service",
  summary: "Pictures to try the service with",
  access: "public",
  responses: {
    200: {
      description: "Drawn by us",
      content: { "application/json": z.object({ samples: z.array(sampleSchema) }) },
      headers: ["Cache-Control"],
    },
  },
  errors: [],
})

/** Sample images. They need no key: they are part of the page. */
export const samples = newRouter()

samples.openapi(read, (c) => {
  c.header("Cache-Control", "no-cache")
  return c.json({ samples: list })
})
