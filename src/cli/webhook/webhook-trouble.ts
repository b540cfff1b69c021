import { setTimeout as delay } from "node:timers/promises"
import { deliveriesSchema, receiverOf } from "../../lib/webhooks/delivery.ts"
import { type GetJson, parseBody } from "../api/api.ts"
import { CliError } from "../cli-error.ts"
import { deliveriesPath } from "./show-command.ts"

/** A first try is made at once; this is how long a finished command waits for it. */
const PATIENCE_MS = 3_000
const LOOK_MS = 250

/**
 * What stands in the way of a finished ticket's webhook, as a sentence: its address may not be reached, or its receiver does
 * not take it. Null when it was delivered. That it cannot be looked at is trouble, too, and no failure of the pictures.
 */
export async function webhookTrouble(get: GetJson, ticketId: string, signal: AbortSignal): Promise<string | null> {
  try {
    return await firstTry(get, ticketId, signal)
  } catch (error) {
    if (signal.aborted || !(error instanceof CliError)) throw error
    return `It is not known whether it arrived: ${error.message}`
  }
}

async function firstTry(get: GetJson, ticketId: string, signal: AbortSignal): Promise<string | null> {
  const path = deliveriesPath(ticketId)
  const follow = `claimcheck webhook show ${ticketId}`
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    const { url, deliveries } = parseBody(deliveriesSchema, await get(path, { signal }))
    const [delivery] = deliveries
    if (delivery?.state === "delivered") return null
    const last = delivery?.attempts.at(-1)
    if (last !== undefined) {
      const why = last.error === undefined ? `it answered ${last.status}` : `${last.error.message} (${last.error.code})`
      const then = delivery?.state === "pending" ? "it is tried again for three days" : "it is not tried again"
      return `${receiverOf(url)} did not take the answer: ${why}; ${then}. Each try: ${follow}`
    }
    if (waitedMs >= PATIENCE_MS) return `${receiverOf(url)} has not been tried yet. Each try: ${follow}`
    await delay(LOOK_MS, undefined, { signal })
  }
}
