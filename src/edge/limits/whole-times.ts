const MAX_CALLERS = 10_000
const SWEEP_EVERY_MS = 1_000

/** When the allowance of each caller is whole again (src/lib/callers/rate-limit.ts), for a bounded number of callers. */
export class WholeTimes {
  readonly #now: () => number
  readonly #maxCallers: number
  /** Whoever was charged last stands last. */
  readonly #wholeMs = new Map<string, number>()
  #sweptMs = 0

  constructor(now: () => number, maxCallers = MAX_CALLERS) {
    this.#now = now
    this.#maxCallers = maxCallers
  }

  get(id: string): number | undefined {
    return this.#wholeMs.get(id)
  }

  set(id: string, wholeMs: number): void {
    this.#wholeMs.delete(id)
    if (this.#wholeMs.size >= this.#maxCallers) this.#makeRoom()
    this.#wholeMs.set(id, wholeMs)
  }

  /** Forgets who is whole again, which changes nothing; where nobody is, who was charged longest ago. */
  #makeRoom(): void {
    const nowMs = this.#now()
    if (nowMs - this.#sweptMs >= SWEEP_EVERY_MS) {
      this.#sweptMs = nowMs
      for (const [id, wholeMs] of this.#wholeMs) if (wholeMs <= nowMs) this.#wholeMs.delete(id)
    }
    const [oldest] = this.#wholeMs.keys()
    if (this.#wholeMs.size >= this.#maxCallers && oldest !== undefined) this.#wholeMs.delete(oldest)
  }
}
