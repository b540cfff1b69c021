import { randomBytes } from "node:crypto"
import { ErrorReply } from "@redis/client"
import { isInteger, type Outcome, type Reply } from "./redis/reply.ts"
import type { RestError } from "./rest-error.ts"

/** Builds the response for one or several commands, in the requested format. */
export type Answer = (request: Request, outcome: Outcome | Outcome[]) => Response

export function createAnswer(): Answer {
  const nextSyncToken = createSyncTokens()
  return (request, outcome) => {
    const headers = { "content-type": "application/json", "upstash-sync-token": nextSyncToken() }
    const failed = !Array.isArray(outcome) && "error" in outcome
    if (!failed && asksForResp2(request)) {
      headers["content-type"] = "application/octet-stream"
      return new Response(outcomeToResp2(outcome), { headers })
    }
    const base64 = request.headers.get("upstash-encoding")?.toLowerCase() === "base64"
    const json = Array.isArray(outcome)
      ? `[${outcome.map((item) => outcomeToJson(item, { base64 })).join(",")}]`
      : outcomeToJson(outcome, { base64 })
    return new Response(json, { status: failed ? 400 : 200, headers })
  }
}

export function asksForResp2(request: Request): boolean {
  return request.headers.get("upstash-response-format")?.toLowerCase() === "resp2"
}

export function errorResponse({ status, message }: RestError): Response {
  return new Response(JSON.stringify({ error: message }), { status, headers: { "content-type": "application/json" } })
}

/** The client returns the last token to read its own writes. A single Redis has no replicas, so any token is valid. */
function createSyncTokens(): () => string {
  const prefix = randomBytes(6).toString("base64url")
  let count = 0
  return () => `${prefix}:${(++count).toString(36)}`
}

/** `{"result": …}` or `{"error": …}`. With base64 every string is encoded, but for an `OK` that is the whole reply. */
function outcomeToJson(outcome: Outcome, { base64 }: { base64: boolean }): string {
  if ("error" in outcome) return `{"error":${JSON.stringify(outcome.error)}}`
  if (outcome.reply === "OK") return '{"result":"OK"}'
  return `{"result":${toJson(outcome.reply, base64)}}`
}

function toJson(reply: Reply, base64: boolean): string {
  if (reply === null) return "null"
  if (Array.isArray(reply)) return `[${reply.map((item) => toJson(item, base64)).join(",")}]`
  if (typeof reply === "string" && isInteger(reply)) return reply
  const bytes = reply instanceof ErrorReply ? reply.message : reply
  if (!base64) return JSON.stringify(bytes.toString())
  return `"${(typeof bytes === "string" ? Buffer.from(bytes) : bytes).toString("base64")}"`
}

/** One reply, or the replies of a pipeline as one array, in the bytes of RESP2. */
function outcomeToResp2(outcome: Outcome | Outcome[]): Buffer<ArrayBuffer> {
  const chunks: (string | Buffer)[] = []
  if (Array.isArray(outcome)) {
    chunks.push(`*${outcome.length}\r\n`)
    for (const item of outcome) writeOutcome(item, chunks)
  } else {
    writeOutcome(outcome, chunks)
  }
  return Buffer.concat(chunks.map((chunk) => (typeof chunk === "string" ? Buffer.from(chunk) : chunk)))
}

function writeOutcome(outcome: Outcome, chunks: (string | Buffer)[]): void {
  if ("error" in outcome) chunks.push(`-${outcome.error}\r\n`)
  else writeReply(outcome.reply, chunks)
}

function writeReply(reply: Reply, chunks: (string | Buffer)[]): void {
  if (reply === null) {
    chunks.push("$-1\r\n")
  } else if (Array.isArray(reply)) {
    chunks.push(`*${reply.length}\r\n`)
    for (const item of reply) writeReply(item, chunks)
  } else if (reply instanceof ErrorReply) {
    chunks.push(`-${reply.message}\r\n`)
  } else if (typeof reply === "string") {
    chunks.push(`${isInteger(reply) ? ":" : "+"}${reply}\r\n`)
  } else {
    chunks.push(`$${reply.length}\r\n`, reply, "\r\n")
  }
}
