import { humanMs } from "./human-units.ts"

export type Standing = { done: number; failed: number; total: number; ms: number }

/** What stands beside a progress bar: what went wrong, how fast it goes, and what is left by that. */
export function progressNote({ done, failed, total, ms }: Standing): string {
  const leftMs = (ms / done) * (total - done)
  return [
    failed > 0 && `${failed} failed`,
    `${(done / (ms / 1_000)).toFixed(1)}/s`,
    leftMs > 0 && `${humanMs(leftMs)} left`,
  ]
    .filter(Boolean)
    .join(" · ")
}
