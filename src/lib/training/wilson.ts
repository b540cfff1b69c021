export type Interval = { value: number; low: number; high: number }

/** The 95 % quantile of the normal distribution, both sides. */
const Z = 1.959964

/** A proportion with its 95 % confidence interval (Wilson 1927). */
export function wilson(right: number, all: number): Interval {
  if (all === 0) return { value: 0, low: 0, high: 1 }
  const value = right / all
  const z2 = Z * Z
  const middle = (value + z2 / (2 * all)) / (1 + z2 / all)
  const half = (Z / (1 + z2 / all)) * Math.sqrt((value * (1 - value)) / all + z2 / (4 * all * all))
  return { value, low: Math.max(0, middle - half), high: Math.min(1, middle + half) }
}
