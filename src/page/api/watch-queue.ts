import { fullJitterMs } from "../../lib/backoff.ts"
import type { QueueStats } from "../../lib/queue/queue-stats.ts"
import type { Edge } from "./edge.ts"

/** Each poll costs the server a few Redis commands. */
const BUSY_MS = 2_000
const IDLE_MS = 10_000
/** Without input for this long, the page counts as unattended. */
const DOZE_AFTER_MS = 300_000
/** Retry soon, so that a server that is back is noticed. */
const MAX_BACKOFF_MS = 5_000
const HANDS = ["pointerdown", "keydown", "wheel", "focus"] as const

export type QueueWatch = {
  /** Pictures are under way, or not. */
  isBusy: () => boolean
  seen: (stats: QueueStats) => void
  away: () => void
}

/** Polls the queue while the page is visible. */
export function watchQueue(edge: Edge, { isBusy, seen, away }: QueueWatch): { look: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  let handMs = Date.now()
  let failures = 0
  let isLooking = false

  const isWatched = () => !document.hidden && (isBusy() || Date.now() - handMs < DOZE_AFTER_MS)
  const look = async () => {
    clearTimeout(timer)
    timer = undefined
    if (isLooking || !isWatched()) return
    isLooking = true
    try {
      seen(await edge.use((client) => client.queue(), { retries: 0 }))
      failures = 0
    } catch {
      failures++
      away()
    } finally {
      isLooking = false
    }
    const patienceMs = failures === 0 ? 0 : fullJitterMs(failures, { baseMs: BUSY_MS, capMs: MAX_BACKOFF_MS })
    timer = setTimeout(look, patienceMs + (isBusy() || failures > 0 ? BUSY_MS : IDLE_MS))
  }
  const lookIfAsleep = () => {
    handMs = Date.now()
    if (timer === undefined) void look()
  }
  document.addEventListener("visibilitychange", () => void look())
  for (const event of HANDS) window.addEventListener(event, lookIfAsleep, { passive: true })
  void look()
  return { look: () => void look() }
}
