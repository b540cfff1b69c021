/** The shortest time between two repeated wake-ups of a queue, for all clients together. */
const PAUSE_MS = 5_000

/** When this isolate last woke the classifiers of a queue whose first job should have begun, or ended late jobs. */
export class OverdueWakes {
  readonly #now: () => number
  readonly #sentMs = new Map<string, number>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** Whether it is time to do so; then this counts as done. */
  isDue(queue: string): boolean {
    const nowMs = this.#now()
    if (Math.abs(nowMs - (this.#sentMs.get(queue) ?? Number.NEGATIVE_INFINITY)) < PAUSE_MS) return false
    this.#sentMs.set(queue, nowMs)
    return true
  }
}
