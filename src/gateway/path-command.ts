import type { Command } from "./command.ts"
import { RestError } from "./rest-error.ts"

/**
 * Reads a command out of a URL, as in `/set/key/value?EX=60`. A request body is the last argument of the path, and the
 * query follows it: `POST /set/key?EX=60` is `SET key <body> EX 60`. A query name without a value is one argument (`?NX`).
 */
export function pathCommand(url: string, body: Buffer): Command {
  const { path, query } = splitUrl(url)
  const command = path.map(decodePercent)
  if (command.length === 0) throw new RestError(400, "ERR empty command")
  if (body.length > 0) command.push(body)
  for (const [name, value] of queryPairs(query)) {
    if (name === "_token") continue
    command.push(decodePercent(name))
    if (value !== "") command.push(decodePercent(value))
  }
  return command
}

/** The decoded segments behind the first one: the channels of `/subscribe/a/b`. */
export function pathArguments(url: string): string[] {
  return splitUrl(url)
    .path.slice(1)
    .map((segment) => String(decodePercent(segment)))
}

/** The token of `?_token=…`, or null. */
export function queryToken(url: string): string | null {
  for (const [name, value] of queryPairs(splitUrl(url).query)) {
    if (name === "_token") return String(decodePercent(value))
  }
  return null
}

function splitUrl(url: string): { path: string[]; query: string } {
  const start = url.indexOf("/", url.indexOf("://") + 3) + 1
  const mark = url.indexOf("?", start)
  const path = mark < 0 ? url.slice(start) : url.slice(start, mark)
  const segments = path.split("/")
  if (segments.at(-1) === "") segments.pop()
  return { path: segments, query: mark < 0 ? "" : url.slice(mark + 1) }
}

function* queryPairs(query: string): Generator<[name: string, value: string]> {
  for (const part of query.split("&")) {
    if (part === "") continue
    const equals = part.indexOf("=")
    const pair = equals < 0 ? [part, ""] : [part.slice(0, equals), part.slice(equals + 1)]
    yield pair.map((text) => text.replaceAll("+", " ")) as [string, string]
  }
}

/** Percent-decodes to bytes, not to text: a key or a value need not be UTF-8. */
function decodePercent(text: string): string | Buffer {
  if (!text.includes("%")) return text
  const bytes = text.replace(/%([0-9a-f]{2})|[^\x20-\x7e]/gi, (match, hex: string | undefined) =>
    hex === undefined ? Buffer.from(match).toString("latin1") : String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, "latin1")
}
