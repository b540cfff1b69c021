import { sleep } from "../lib/sleep.ts"

/** A look that takes longer was broken off with the request that made it. */
const ABANDONED_MS = 2_000
const WAIT_MS = 5

/** A cached read that concurrent requests share, failures too. Holds values only: on Workers a promise belongs to its request. */
export class SharedLook<T> {
  readonly #now: () => number
  #seen: { value: T } | { error: unknown } | null = null
  #seenMs = Number.NEGATIVE_INFINITY
  #lookingSinceMs = Number.NEGATIVE_INFINITY
  #ended = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** What was seen in the last `maxAgeMs`, or what `look` sees now. @throws what `look` does */
  async read(look: () => Promise<T>, maxAgeMs: number): Promise<T> {
    if (this.#seen !== null && "value" in this.#seen && this.#isWithin(this.#seenMs, maxAgeMs)) return this.#seen.value
    const before = this.#ended
    while (this.#ended === before && this.#isWithin(this.#lookingSinceMs, ABANDONED_MS)) await sleep(WAIT_MS)
    if (this.#ended === before) await this.#look(look)
    const seen = this.#seen ?? { error: new Error("Nothing was seen") }
    if ("error" in seen) throw seen.error
    return seen.value
  }

  async #look(look: () => Promise<T>): Promise<void> {
    this.#lookingSinceMs = this.#now()
    try {
      this.#seen = { value: await look() }
    } catch (error) {
      this.#seen = { error }
    }
    this.#seenMs = this.#now()
    this.#lookingSinceMs = Number.NEGATIVE_INFINITY
    this.#ended++
  }

  #isWithin(sinceMs: number, ms: number): boolean {
    const ageMs = this.#now() - sinceMs
    return ageMs >= 0 && ageMs < ms
  }
}
