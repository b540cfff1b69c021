import { ErrorReply } from "@redis/client"
import { isInteger, type Outcome, type Reply } from "./reply.ts"

/** `{"result": …}` or `{"error": …}`. With base64 every string is encoded, but for an `OK` that is the whole reply. */
export function outcomeToJson(outcome: Outcome, { base64 }: { base64: boolean }): string {
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
