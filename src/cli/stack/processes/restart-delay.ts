/** A part that lived at least this long and died is not in a crash loop. */
export const STEADY_MS = 10_000
/** About a minute of trying; a picture that kills the process is a dead letter after three. */
export const MAX_QUICK_DEATHS = 10

/** 0.5 s, doubling to 10 s. No jitter: one part restarts on one machine. */
export function restartDelayMs(quickDeaths: number, { baseMs = 500, capMs = 10_000 } = {}): number {
  return Math.min(capMs, baseMs * 2 ** quickDeaths)
}
