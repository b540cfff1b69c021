export type Limiter = <T>(work: () => Promise<T>) => Promise<T>

/** Runs at most so many at once, in the order they came. */
export function createLimiter(max: number): Limiter {
  const waiting: (() => void)[] = []
  let running = 0
  return async (work) => {
    if (running >= max) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      // The slot passes to the next waiter directly.
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
