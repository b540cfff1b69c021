import { fullJitterMs } from "../lib/backoff.ts"

const BASE_MS = 100
const CAP_MS = 5_000
/** However far in the future the server hopes to be ready, a look a minute is not too much. */
const MAX_HINT_MS = 60_000
const MIN_HINT_MS = 10

type NextPoll = { attempt: number; hintMs: number | null; random?: () => number }

/** The server's hint, with up to a tenth on top so that clients that came together do not return together; else full jitter. */
export function nextPollMs({ attempt, hintMs, random = Math.random }: NextPoll): number {
  if (hintMs === null) return fullJitterMs(attempt, { baseMs: BASE_MS, capMs: CAP_MS }, random)
  return Math.min(Math.max(hintMs, MIN_HINT_MS), MAX_HINT_MS) * (1 + random() * 0.1)
}

/** `Retry-After` as seconds or as a date (RFC 9110, 10.2.3); null when there is none that can be read. */
export function retryAfterMs(headers: Headers, nowMs: number): number | null {
  const value = headers.get("retry-after")?.trim()
  if (value === undefined || value === "") return null
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const dateMs = Date.parse(value)
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - nowMs)
}
