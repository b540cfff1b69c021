/** Lets at most `max` pass at once; the rest wait in line. */
export type Gate = {
  /**
   * Resolves to the function that makes room for the next.
   * @throws the signal's reason, when it aborts before there is room
   */
  enter(signal: AbortSignal): Promise<() => void>
}

export function createGate(max: number): Gate {
  let inside = 0
  const waiting = new Set<() => void>()
  const leave = () => {
    inside -= 1
    for (const next of waiting) return next()
  }
  return {
    async enter(signal) {
      signal.throwIfAborted()
      if (inside >= max) {
        await new Promise<void>((resolve, reject) => {
          const admit = () => {
            waiting.delete(admit)
            signal.removeEventListener("abort", giveUp)
            // Taken here and not after the await, during which another caller could take it.
            inside += 1
            resolve()
          }
          const giveUp = () => {
            waiting.delete(admit)
            reject(signal.reason)
          }
          waiting.add(admit)
          signal.addEventListener("abort", giveUp, { once: true })
        })
        return leave
      }
      inside += 1
      return leave
    },
  }
}
