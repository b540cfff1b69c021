import { humanMs } from "./human-units.ts"

export type Standing = { done: number; failed: number; total: number; ms: number }

/** The first results come in a burst or late, so their rate is not useful. */
const MIN_DONE = 3
const MIN_MS = 1_000

/** What stands beside a progress bar: what went wrong, how fast it goes, and what is left by that. */
export function progressNote({ done, failed, total, ms }: Standing): string {
  const leftMs = (ms / done) * (total - done)
  const isKnown = done >= MIN_DONE && ms >= MIN_MS
  return [
    failed > 0 && `${failed} failed`,
    isKnown && `${(done / (ms / 1_000)).toFixed(1)}/s`,
    isKnown && leftMs > 0 && `${humanMs(leftMs)} left`,
  ]
    .filter(Boolean)
    .join(" · ")
}
