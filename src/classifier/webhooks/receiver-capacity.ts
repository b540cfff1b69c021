/** How many attempts may be under way to one receiver, and to all of them. */
const MAX_PER_RECEIVER = 4
export const MAX_IN_FLIGHT = 256
/** Receivers remembered as failing, the latest; one that is forgotten only gets more attempts than it should. */
const MAX_REMEMBERED = 200

/**
 * How many attempts may run, receiver by receiver, so that a slow one takes no more than its own. One whose last attempts all
 * failed, as many as it has places, gets a single one until it answers well again: one broken path must not hold up the others.
 */
export class ReceiverCapacity {
  readonly perReceiver = MAX_PER_RECEIVER
  readonly #inFlight = new Map<string, number>()
  readonly #failuresInARow = new Map<string, number>()
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
    const failures = failed ? (this.#failuresInARow.get(receiver) ?? 0) + 1 : 0
    this.#failuresInARow.delete(receiver)
    if (failures > 0) this.#failuresInARow.set(receiver, failures)
    const [oldest] = this.#failuresInARow.keys()
    if (this.#failuresInARow.size > MAX_REMEMBERED && oldest !== undefined) this.#failuresInARow.delete(oldest)
  }

  freeFor(receiver: string): number {
    const max = (this.#failuresInARow.get(receiver) ?? 0) < MAX_PER_RECEIVER ? MAX_PER_RECEIVER : 1
    return Math.max(0, max - (this.#inFlight.get(receiver) ?? 0))
  }

  /** What is free for every receiver that cannot have all of it. */
  limited(): Record<string, number> {
    const receivers = new Set([...this.#inFlight.keys(), ...this.#failuresInARow.keys()])
    const free = [...receivers].map((receiver) => [receiver, this.freeFor(receiver)] as const)
    return Object.fromEntries(free.filter(([, places]) => places < MAX_PER_RECEIVER))
  }
}
