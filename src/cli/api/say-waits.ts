import { readRefusal } from "../../lib/client/read-response.ts"
import { noticeText } from "../terminal/human-units.ts"
import { sayAbove } from "../terminal/progress.ts"
import { paintFor } from "../terminal/terminal.ts"

/** The client repeats a refusal that asks it to come back sooner. */
export const MAX_RETRY_AFTER_MS = 120_000
/** A single lost connection is repeated in no time. */
const FAILURES_WORTH_SAYING = 2

/** Says why requests are repeated: the server cannot be reached, or puts them off, as a rate limit does. Each is said once. */
export function sayTrouble(send: typeof fetch, base: string, say: (line: string) => void): typeof fetch {
  const paint = paintFor(process.stderr)
  const said = new Set<string>()
  let failures = 0
  return async (input, init) => {
    let response: Response
    try {
      response = await send(input, init)
    } catch (error) {
      const isGivenUp = init?.signal?.aborted === true && (init.signal.reason as Error)?.name !== "TimeoutError"
      if (!isGivenUp && ++failures === FAILURES_WORTH_SAYING)
        say(`${paint("yellow", "waiting")} ${base} cannot be reached: it is tried again for about two minutes`)
      throw error
    }
    if (failures >= FAILURES_WORTH_SAYING) say(`${paint("green", "going on")} ${base} answers again`)
    failures = 0
    if (response.status !== 429 && response.status !== 503) return response
    const { code, message, retryAfterMs = 0 } = await readRefusal(response.clone(), Date.now())
    if (!said.has(code) && !code.startsWith("http_") && retryAfterMs <= MAX_RETRY_AFTER_MS)
      say(`${paint("yellow", "slowed")} ${message} (${code}): requests are repeated when the server allows it`)
    said.add(code)
    return response
  }
}

/** Of a ticket: why it waits, if it does. */
type Seen = { done: boolean; notice: string | undefined }

/** Says why tickets wait, each time that this changes, and that they go on. Several may be followed: one that waits is enough. */
export function sayNotices(say: (line: string) => void = sayAbove): (id: string, seen: Seen) => void {
  const paint = paintFor(process.stderr)
  const waiting = new Set<string>()
  let said: string | undefined
  return (id, { done, notice }) => {
    if (notice !== undefined) {
      waiting.add(id)
      // The rest is the deadline, which is each ticket's own.
      const reason = notice.split(":")[0]
      if (reason !== said) say(`${paint("yellow", "waiting")} ${noticeText(notice)}`)
      said = reason
      return
    }
    if (!waiting.delete(id) || waiting.size > 0) return
    said = undefined
    // A result says so by itself.
    if (!done) say(`${paint("green", "going on")} what it waited for is there`)
  }
}
