import { Waker } from "./waker.ts"

export type DueLoopOptions = {
  now: () => number
  /** Whether wake-ups arrive now. */
  isListening: () => boolean
  /** How often to look without a wake-up: while they are received, as one can be lost, and while they are not. */
  idleMs: number
  blindMs: number
  waker?: Pick<Waker, "wake" | "sleep"> | undefined
}

/** Looks for work when some is due, when it is told to, and now and then. */
export class DueLoop {
  readonly #options: DueLoopOptions
  readonly #waker: Pick<Waker, "wake" | "sleep">
  #dueMs = 0

  constructor(options: DueLoopOptions) {
    this.#options = options
    this.#waker = options.waker ?? new Waker()
  }

  /** Looks now, or at the time given if it is sooner than the next look. */
  lookAt(ms = 0): void {
    if (ms >= this.#dueMs) return
    this.#dueMs = ms
    this.#waker.wake()
  }

  /** There is capacity again. */
  wake(): void {
    this.#waker.wake()
  }

  /** Looks until the signal is aborted; not while there is no capacity for what may be found. */
  async run(look: () => Promise<void>, signal: AbortSignal, hasCapacity = () => true): Promise<void> {
    const { now, isListening, idleMs, blindMs } = this.#options
    while (!signal.aborted) {
      const waitMs = hasCapacity() ? this.#dueMs - now() : idleMs
      if (waitMs > 0) await this.#waker.sleep(waitMs, signal)
      else {
        // Said before looking: what comes due meanwhile makes it earlier again.
        this.#dueMs = now() + (isListening() ? idleMs : blindMs)
        await look()
      }
    }
  }
}
