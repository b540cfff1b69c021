import { parseClientUrl } from "./url-rules.ts"

export type Hop = {
  url: URL
  method: "GET" | "HEAD" | "POST"
  headers: Headers
  body: string | Uint8Array | undefined
}

const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** What another origin may see. Everything else (credentials, signatures, ids) was meant for the first one alone. */
const HARMLESS_HEADERS = ["accept", "accept-language", "range", "user-agent"]
const BODY_HEADERS = ["content-encoding", "content-language", "content-location", "content-type"]

/** Length and encoding of both directions are ours to say, and the host is what the URL says. */
const OWN_HEADERS = ["accept-encoding", "connection", "content-length", "host", "transfer-encoding"]

/**
 * The request that a caller asks for.
 * @throws GuardedFetchError `bad_url`, `scheme_refused`
 * @throws TypeError when a header is one that no caller may set
 */
export function firstHop(
  input: string | URL,
  init: { method?: Hop["method"]; headers?: Readonly<Record<string, string>>; body?: Hop["body"] },
): Hop {
  const headers = new Headers(init.headers)
  const own = OWN_HEADERS.find((name) => headers.has(name))
  if (own !== undefined) throw new TypeError(`Cannot send header ${own}: the guarded fetch sets it`)
  if (!headers.has("user-agent")) headers.set("user-agent", "claimcheck")
  return { url: parseClientUrl(input), method: init.method ?? "GET", headers, body: init.body }
}

/**
 * The request that a response asks for next, or `undefined` when the response is the answer. After the fetch standard, and
 * stricter: a body never goes to another origin, so a 307 or 308 that asks for that is the answer itself.
 * @throws GuardedFetchError `bad_url`, `scheme_refused`
 */
export function nextHop(hop: Hop, response: { status: number; location: string | null }): Hop | undefined {
  const { status, location } = response
  if (!REDIRECTS.has(status) || location === null) return undefined
  const url = parseClientUrl(URL.canParse(location, hop.url) ? new URL(location, hop.url) : location)
  const isSafe = hop.method === "GET" || hop.method === "HEAD"
  const becomesGet = !isSafe && status < 307
  const isSameOrigin = url.origin === hop.url.origin
  if (!isSafe && !becomesGet && !isSameOrigin) return undefined
  const headers = new Headers(hop.headers)
  for (const name of [...headers.keys()]) {
    const isKept = isSameOrigin ? !(becomesGet && BODY_HEADERS.includes(name)) : HARMLESS_HEADERS.includes(name)
    if (!isKept) headers.delete(name)
  }
  return becomesGet
    ? { url, method: "GET", headers, body: undefined }
    : { url, method: hop.method, headers, body: hop.body }
}
