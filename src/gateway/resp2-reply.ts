import { ErrorReply } from "@redis/client"
import { isInteger, type Outcome, type Reply } from "./reply.ts"

/** One reply, or the replies of a pipeline as one array, in the bytes of RESP2. */
export function outcomeToResp2(outcome: Outcome | Outcome[]): Buffer<ArrayBuffer> {
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
  else write(outcome.reply, chunks)
}

function write(reply: Reply, chunks: (string | Buffer)[]): void {
  if (reply === null) {
    chunks.push("$-1\r\n")
  } else if (Array.isArray(reply)) {
    chunks.push(`*${reply.length}\r\n`)
    for (const item of reply) write(item, chunks)
  } else if (reply instanceof ErrorReply) {
    chunks.push(`-${reply.message}\r\n`)
  } else if (typeof reply === "string") {
    chunks.push(`${isInteger(reply) ? ":" : "+"}${reply}\r\n`)
  } else {
    chunks.push(`$${reply.length}\r\n`, reply, "\r\n")
  }
}
