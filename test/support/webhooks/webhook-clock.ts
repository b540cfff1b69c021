import { vi } from "vitest"

type Sleeper = { untilMs: number; wake: () => void }

/**
 * A clock that stands until a test moves it, for code that reads `Date` and sleeps by a waker. Real timers go on, so that
 * sockets and timeouts do.
 */
export class WebhookClock {
  readonly #sleepers = new Set<Sleeper>()

  constructor(nowMs: number) {
    vi.useFakeTimers({ toFake: ["Date"], now: nowMs })
  }

  now = (): number => Date.now()

  /** A waker whose sleepers this clock wakes. */
  waker() {
    let isWoken = false
    let wake: () => void = () => undefined
    return {
      wake: () => {
        isWoken = true
        wake()
      },
      sleep: async (ms: number, signal: AbortSignal) => {
        if (!isWoken && !signal.aborted) {
          await new Promise<void>((resolve) => {
            const done = () => {
              signal.removeEventListener("abort", done)
              this.#sleepers.delete(sleeper)
              resolve()
            }
            const sleeper = { untilMs: Date.now() + ms, wake: done }
            wake = done
            this.#sleepers.add(sleeper)
            signal.addEventListener("abort", done, { once: true })
          })
        }
        isWoken = false
      },
    }
  }

  moveTo(ms: number): void {
    if (ms > Date.now()) vi.setSystemTime(ms)
    for (const sleeper of this.#sleepers) {
      if (sleeper.untilMs <= Date.now()) sleeper.wake()
    }
  }

  pass(ms: number): void {
    this.moveTo(Date.now() + ms)
  }

  stop(): void {
    vi.useRealTimers()
  }
}

/** Waits, in real time and without moving the clock, until it is so. */
export async function until(condition: () => boolean | Promise<boolean>, what = "it is so"): Promise<void> {
  const startMs = performance.now()
  while (!(await condition())) {
    if (performance.now() - startMs > 15_000) throw new Error(`Waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
