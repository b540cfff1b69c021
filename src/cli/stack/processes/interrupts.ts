/** npm forwards Ctrl-C although the terminal has already signalled the process group: ignore the second signal. */
const SAME_KEYSTROKE_MS = 500
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const

export type Interrupts = {
  /** Aborts at the first signal: stop, and let what is in hand be finished. */
  stop: AbortSignal
  /** Aborts at the second: stop now. */
  hurry: AbortSignal
  /** Stops like a signal, for other reasons (the terminal is gone). */
  raise: () => void
}

export function listenForInterrupts(now: () => number = () => performance.now()): Interrupts {
  const stop = new AbortController()
  const hurry = new AbortController()
  let firstMs = 0
  const raise = () => {
    if (!stop.signal.aborted) {
      firstMs = now()
      stop.abort()
    } else if (now() - firstMs >= SAME_KEYSTROKE_MS) {
      hurry.abort()
    }
  }
  for (const signal of SIGNALS) process.on(signal, raise)
  return { stop: stop.signal, hurry: hurry.signal, raise }
}
