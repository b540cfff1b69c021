import { randomBytes } from "node:crypto"
import { outcomeToJson } from "./json-reply.ts"
import type { Outcome } from "./reply.ts"
import { outcomeToResp2 } from "./resp2-reply.ts"
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
