/** JSON Schema 2020-12, for what no schema of ours validates: bytes, a text, a form. */
export type JsonSchema = { readonly [keyword: string]: unknown }

type Described = { description: string; schema: JsonSchema }

/** Every header that answers carry and a client may rely on; described once, named by the routes. */
export const RESPONSE_HEADERS = {
  "Accept-Ranges": { description: "Parts can be asked for with `Range`", schema: { type: "string" } },
  Allow: { description: "The methods that the address takes", schema: { type: "string" } },
  "Cache-Control": { description: "Who may keep the answer, and for how long", schema: { type: "string" } },
  "Content-Range": { description: "Which bytes these are, and of how many", schema: { type: "string" } },
  ETag: {
    description:
      "Changes when what is told does; a ticket's place in the queue and hints do not count. Send it as `If-None-Match`",
    schema: { type: "string", pattern: '^(W/)?".*"$' },
  },
  Link: { description: 'Where more of it will be, `rel="next"`', schema: { type: "string" } },
  "Next-After": { description: "The last row in the answer: where to go on", schema: { type: "integer", minimum: 0 } },
  "Results-Complete": {
    description: "Whether no row will come after these",
    schema: { type: "string", enum: ["true", "false"] },
  },
  Location: { description: "Where to ask for the result", schema: { type: "string", format: "uri-reference" } },
  "Poll-After-Ms": {
    description:
      "When to ask again, in milliseconds: the server's own estimate. Absent when there is nothing to wait for",
    schema: { type: "integer", minimum: 1 },
  },
  "Preference-Applied": {
    description:
      "The `Prefer: wait` that was honoured; not there where the answer came earlier and the ticket is not done",
    schema: { type: "string" },
  },
  RateLimit: {
    description:
      "How many ordinary pictures are left (`r`; others count by their work), and in how many seconds all will be again (`t`)",
    schema: { type: "string", examples: ['"submit";r=99;t=1'] },
  },
  "RateLimit-Policy": {
    description: "How many ordinary pictures (`q`) in how many seconds (`w`); absent where there is no limit",
    schema: { type: "string", examples: ['"submit";q=100;w=60'] },
  },
  "Retry-After": { description: "When to ask again, in whole seconds", schema: { type: "integer", minimum: 0 } },
  "WWW-Authenticate": { description: "How to say who you are", schema: { type: "string" } },
} as const satisfies Record<string, Described>

export type ResponseHeader = keyof typeof RESPONSE_HEADERS

/** What every answer to a submit carries (draft-ietf-httpapi-ratelimit-headers-10). */
export const RATE_HEADERS = ["RateLimit", "RateLimit-Policy"] as const

/** What every answer about a ticket carries. */
export const TICKET_HEADERS = ["Cache-Control", "ETag", "Poll-After-Ms", "Retry-After", "Preference-Applied"] as const
