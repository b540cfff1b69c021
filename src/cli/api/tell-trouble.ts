import { readRefusal } from "../../lib/client/read-response.ts"
import { paintFor } from "../terminal/terminal.ts"

/** The client repeats a refusal that asks it to come back sooner. */
export const MAX_RETRY_AFTER_MS = 120_000
/** A single lost connection is repeated in no time. */
const FAILURES_WORTH_SAYING = 2

/** Says why requests are repeated: the server cannot be reached, or puts them off, as a rate limit does. Each is said once. */
export function tellTrouble(send: typeof fetch, base: string, say: (line: string) => void): typeof fetch {
  const paint = paintFor(process.stderr)
  const told = new Set<string>()
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
    if (!told.has(code) && !code.startsWith("http_") && retryAfterMs <= MAX_RETRY_AFTER_MS)
      say(`${paint("yellow", "slowed")} ${message} (${code}): requests are repeated when the server allows it`)
    told.add(code)
    return response
  }
}
