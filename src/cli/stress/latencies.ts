/** The value that a share of all is at or below (nearest rank); the values come sorted. */
export function quantile(sorted: readonly number[], share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length))
  return sorted[rank - 1] ?? Number.NaN
}

export type Bin = { from_ms: number; to_ms: number; count: number }

/** Equal steps of a round width over all values, `bins` of them at most. */
export function histogram(sorted: readonly number[], bins = 12): Bin[] {
  const least = sorted[0]
  const most = sorted.at(-1)
  if (least === undefined || most === undefined) return []
  let stepMs = roundUp((most - least) / bins)
  // Aligned to whole steps, the ends may need one more.
  if (Math.floor(most / stepMs) - Math.floor(least / stepMs) >= bins) stepMs = roundUp(stepMs * 1.01)
  const first = Math.floor(least / stepMs)
  const counts = new Array<number>(Math.floor(most / stepMs) - first + 1).fill(0)
  for (const value of sorted) {
    const index = Math.floor(value / stepMs) - first
    counts[index] = (counts[index] ?? 0) + 1
  }
  return counts.map((count, i) => ({ from_ms: (first + i) * stepMs, to_ms: (first + i + 1) * stepMs, count }))
}

/** The next of 1, 2, 5, 10, 20, … */
function roundUp(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, ms)))
  return ([1, 2, 5, 10].find((digit) => digit * power >= ms) ?? 10) * power
}
