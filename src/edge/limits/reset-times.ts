const MAX_CALLERS = 10_000
const SWEEP_EVERY_MS = 1_000

/** When the allowance of each caller is unused again (src/lib/callers/rate-limit.ts), for a bounded number of callers. */
export class ResetTimes {
  readonly #now: () => number
  readonly #maxCallers: number
  /** In the order of the last charge. */
  readonly #resetMs = new Map<string, number>()
  #sweptMs = 0

  constructor(now: () => number, maxCallers = MAX_CALLERS) {
    this.#now = now
    this.#maxCallers = maxCallers
  }

  get(id: string): number | undefined {
    return this.#resetMs.get(id)
  }

  set(id: string, resetMs: number): void {
    this.#resetMs.delete(id)
    if (this.#resetMs.size >= this.#maxCallers) this.#evict()
    this.#resetMs.set(id, resetMs)
  }

  /** Forgets callers whose rate is reset, which changes nothing; without any, the one charged longest ago. */
  #evict(): void {
    const nowMs = this.#now()
    if (nowMs - this.#sweptMs >= SWEEP_EVERY_MS) {
      this.#sweptMs = nowMs
      for (const [id, resetMs] of this.#resetMs) if (resetMs <= nowMs) this.#resetMs.delete(id)
    }
    const [oldest] = this.#resetMs.keys()
    if (this.#resetMs.size >= this.#maxCallers && oldest !== undefined) this.#resetMs.delete(oldest)
  }
}
