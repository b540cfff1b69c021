import { ErrorReply } from "@redis/client"

/**
 * What Redis answered. Blob strings are bytes; simple strings and integers are text, integers so that all 64 bits arrive.
 * A simple string of nothing but digits, which only a Lua status reply can be, reads as an integer.
 */
export type Reply = null | string | Buffer | ErrorReply | Reply[]

export function isInteger(reply: string): boolean {
  return /^-?\d+$/.test(reply)
}

/** What became of one command of several. */
export type Outcome = { reply: Reply } | { error: string }

export function toOutcome(reply: Reply): Outcome {
  return reply instanceof ErrorReply ? { error: reply.message } : { reply }
}
