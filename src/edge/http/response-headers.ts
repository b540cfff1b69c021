/** JSON Schema 2020-12, for what no schema of ours validates: bytes, a text, a form. */
export type JsonSchema = { readonly [keyword: string]: unknown }

type Described = { description: string; schema: JsonSchema }

/** Every header that answers carry and a client may rely on; described once, named by the routes. */
export const RESPONSE_HEADERS = {
  "Accept-Ranges": { description: "`bytes`: `Range` is supported", schema: { type: "string" } },
  Allow: { description: "Allowed methods", schema: { type: "string" } },
  "Cache-Control": { description: "Who may cache the response, and for how long", schema: { type: "string" } },
  "Content-Range": { description: "Range of the bytes, and the total size", schema: { type: "string" } },
  ETag: {
    description:
      "Version of the content; it does not change with the position in the queue or the polling hints. Send it as `If-None-Match`",
    schema: { type: "string", pattern: '^(W/)?".*"$' },
  },
  Link: { description: 'URL of the next page, `rel="next"`', schema: { type: "string" } },
  "Next-After": {
    description: "Number of the last row of this page; pass it as `after`",
    schema: { type: "integer", minimum: 0 },
  },
  "Results-Complete": {
    description: "Whether this is the last page",
    schema: { type: "string", enum: ["true", "false"] },
  },
  Location: { description: "URL of the ticket", schema: { type: "string", format: "uri-reference" } },
  "Poll-After-Ms": {
    description: "Milliseconds to wait before the next poll, estimated by the server. Absent when the ticket is done",
    schema: { type: "integer", minimum: 1 },
  },
  "Preference-Applied": {
    description: "The `Prefer: wait` that was honoured. Absent if the wait ended early with an unfinished ticket",
    schema: { type: "string" },
  },
  RateLimit: {
    description:
      "Units that are left (`r`; an ordinary image is one unit), and seconds until all are available again (`t`)",
    schema: { type: "string", examples: ['"submit";r=99;t=1'] },
  },
  "RateLimit-Policy": {
    description: "Units (`q`) per window in seconds (`w`). Absent without a limit",
    schema: { type: "string", examples: ['"submit";q=100;w=60'] },
  },
  "Retry-After": { description: "Seconds to wait before the next request", schema: { type: "integer", minimum: 0 } },
  "WWW-Authenticate": { description: "The authentication scheme", schema: { type: "string" } },
} as const satisfies Record<string, Described>

export type ResponseHeader = keyof typeof RESPONSE_HEADERS

/** What every answer to a submit carries (draft-ietf-httpapi-ratelimit-headers-10). */
export const RATE_HEADERS = ["RateLimit", "RateLimit-Policy"] as const

/** What every answer about a ticket carries. */
export const TICKET_HEADERS = ["Cache-Control", "ETag", "Poll-After-Ms", "Retry-After", "Preference-Applied"] as const
