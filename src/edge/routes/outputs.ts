import * as z from "zod"
import { AppError } from "../../lib/app-error.ts"
import { verifyOutputId } from "../../lib/outputs/output-id.ts"
import type { StoredOutput } from "../../lib/outputs/stored-outputs.ts"
import { mayRead } from "../auth/caller.ts"
import { parseRange } from "../http/byte-range.ts"
import { matchesETag } from "../http/matches-etag.ts"
import { createRoute } from "../openapi/api-route.ts"
import { REDIS_ERRORS } from "../openapi/error-codes.ts"
import { type EdgeContext, newRouter } from "../router.ts"

const file = { description: "The bytes of the file" }
/** What operations make (src/lib/operations/). */
const content = {
  "image/jpeg": file,
  "image/png": file,
  "image/webp": file,
  "image/avif": file,
  "image/gif": file,
  "application/json": {
    description: "Rows of pixels, each red, green, blue",
    type: "array",
    items: { type: "array", items: { type: "array", items: { type: "integer" } } },
  },
  "application/x-npy": { description: "The same in NumPy's format: shape [height, width, 3], uint8" },
}
const HEADERS = ["ETag", "Cache-Control", "Accept-Ranges"] as const

const headersSchema = z.object({
  range: z.string().optional().meta({ description: "`bytes=first-last`: one range of the file" }),
  "if-range": z.string().optional().meta({ description: "The `ETag` of the ranges that you already have" }),
  "if-none-match": z.string().optional().meta({ description: "An `ETag`: returns 304 if the content is unchanged" }),
})

const read = createRoute({
  method: "get",
  path: "/v1/outputs/{id}",
  operationId: "readOutput",
  tag: "Classifications",
  summary: "Download the output of an operation",
  description:
    "The `output.url` of a ticket, unless outputs are in a bucket. It is kept as long as the ticket and never changes.",
  access: "caller",
  request: {
    params: z.object({ id: z.string().meta({ description: "The `output.id` of a ticket" }) }),
    headers: headersSchema,
  },
  responses: {
    200: { description: "The whole file", content, headers: HEADERS },
    206: {
      description: "The requested range",
      content: { ...content, "application/json": file },
      headers: [...HEADERS, "Content-Range"],
    },
    304: { description: "Unchanged", headers: ["ETag", "Cache-Control"] },
  },
  errors: ["not_found", "range_not_satisfiable", "payload_unreadable", ...REDIS_ERRORS],
})

/** Outputs that are stored in Redis. Only the API key that made an output can read it. */
export const outputs = newRouter()

outputs.openapi(read, async (c) => {
  const { services, caller } = c.var
  const jobId = await verifyOutputId(c.req.param("id") ?? "", [services.ticketIds, services.batchTicketIds])
  const output = jobId === null ? null : await services.outputs.read(jobId)
  if (jobId === null || output === null || !mayRead(caller, output)) {
    throw new AppError("not_found", "There is no such output, or it has expired")
  }
  return outputResponse(c, jobId, output)
})

/** Bytes that never change under their id, as one file: whole, in part, or not again. RFC 9110, 13 and 14. */
function outputResponse(c: EdgeContext, jobId: string, { bytes, contentType, sha256 }: StoredOutput): Response {
  const etag = `"${sha256}"`
  const isKnown = matchesETag(c.req.header("if-none-match"), etag)
  const ifRange = c.req.header("if-range")
  const range = ifRange === undefined || ifRange === etag ? parseRange(c.req.header("range"), bytes.length) : "all"
  if (range === "none" && !isKnown) {
    c.header("Content-Range", `bytes */${bytes.length}`)
    throw new AppError("range_not_satisfiable", `Cannot send that range: the output has ${bytes.length} bytes`)
  }
  // `<img src>` sends no Origin: its id cannot be guessed, so any page that has it may show it.
  if (c.var.services.config.CORS_ORIGINS.length > 0) c.header("Cross-Origin-Resource-Policy", "cross-origin")
  c.header("ETag", etag)
  c.header("Cache-Control", "private, max-age=3600")
  if (isKnown || range === "none") return c.body(null, 304)

  const part = range === "all" ? bytes : bytes.subarray(range.start, range.end)
  if (range !== "all") c.header("Content-Range", `bytes ${range.start}-${range.end - 1}/${bytes.length}`)
  c.header("Accept-Ranges", "bytes")
  c.header("Content-Type", contentType)
  c.header("Content-Length", String(part.length))
  c.header("Content-Disposition", `inline; filename="${jobId}.${contentType.split(/[/-]/).at(-1)}"`)
  // Opened directly, it is a document of our origin: nothing in it may run.
  c.header("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
  return c.body(part as Uint8Array<ArrayBuffer>, range === "all" ? 200 : 206)
}
