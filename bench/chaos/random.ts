/** Uniform in [0, 1). */
export type Random = () => number

/** Tommy Ettinger's Mulberry32: 32 bits of state, good enough to decide what breaks next. */
export function mulberry32(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A stream of its own for each user, so that one more draw by one changes nothing for the others. */
export function randomFor(seed: number, user: string): Random {
  let hash = seed >>> 0
  for (const char of user) hash = (Math.imul(hash ^ char.charCodeAt(0), 0x01000193) + 0x9e3779b9) >>> 0
  return mulberry32(hash)
}

export function between(random: Random, min: number, max: number): number {
  return min + random() * (max - min)
}

export function wholeBetween(random: Random, min: number, max: number): number {
  return Math.floor(between(random, min, max + 1))
}

export function pick<T>(random: Random, from: readonly T[]): T {
  const picked = from[Math.floor(random() * from.length)]
  if (picked === undefined) throw new Error("Cannot pick from nothing")
  return picked
}
