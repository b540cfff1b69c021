/** How many attempts may be under way to one receiver, and to all of them. */
const MAX_PER_RECEIVER = 4
export const MAX_IN_FLIGHT = 256
/** Receivers remembered as failing, the latest; one that is forgotten only gets more attempts than it should. */
const MAX_REMEMBERED = 200

/**
 * How many attempts may run, receiver by receiver, so that a slow one takes no more than its own. One whose last attempt failed gets
 * a single place until it answers well again.
 */
export class ReceiverCapacity {
  readonly perReceiver = MAX_PER_RECEIVER
  readonly #inFlight = new Map<string, number>()
  readonly #failing = new Set<string>()
  #total = 0

  get inFlight(): number {
    return this.#total
  }

  /** How many more attempts may start. */
  get free(): number {
    return MAX_IN_FLIGHT - this.#total
  }

  acquire(receiver: string): void {
    this.#total++
    this.#inFlight.set(receiver, (this.#inFlight.get(receiver) ?? 0) + 1)
  }

  release(receiver: string, { failed }: { failed: boolean }): void {
    this.#total--
    const left = (this.#inFlight.get(receiver) ?? 1) - 1
    if (left > 0) this.#inFlight.set(receiver, left)
    else this.#inFlight.delete(receiver)
    this.#failing.delete(receiver)
    if (!failed) return
    this.#failing.add(receiver)
    for (const oldest of this.#failing) {
      if (this.#failing.size <= MAX_REMEMBERED) break
      this.#failing.delete(oldest)
    }
  }

  freeFor(receiver: string): number {
    const max = this.#failing.has(receiver) ? 1 : MAX_PER_RECEIVER
    return Math.max(0, max - (this.#inFlight.get(receiver) ?? 0))
  }

  /** What is free for every receiver that cannot have all of it. */
  limited(): Record<string, number> {
    const receivers = new Set([...this.#inFlight.keys(), ...this.#failing])
    return Object.fromEntries([...receivers].map((receiver) => [receiver, this.freeFor(receiver)]))
  }
}
