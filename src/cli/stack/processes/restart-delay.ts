/** A process that ran at least this long is not in a crash loop. */
export const STEADY_MS = 10_000
/** About a minute of restarts; a job that crashes the process becomes a dead letter after three attempts. */
export const MAX_QUICK_DEATHS = 10

/** 0.5 s, doubling to 10 s. No jitter: one part restarts on one machine. */
export function restartDelayMs(quickDeaths: number, { baseMs = 500, capMs = 10_000 } = {}): number {
  return Math.min(capMs, baseMs * 2 ** quickDeaths)
}
