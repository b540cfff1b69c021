/**
 * Which queues were found empty, and nothing was heard of since: they need not be asked. Without wake-ups nothing is heard, so
 * this is for who listens; and since one can be lost, all of them are asked now and then.
 */
export class KnownEmptyQueues {
  readonly #empty = new Set<string>()
  /** What was heard while a claim was under way: its answer may be older. */
  #heard = new Set<string>()
  #heardOfAny = false

  /** Something may have come into a queue, or into any. */
  hear(queue?: string): void {
    if (queue === undefined) {
      this.#empty.clear()
      this.#heardOfAny = true
    } else {
      this.#empty.delete(queue)
      this.#heard.add(queue)
    }
  }

  has(queue: string): boolean {
    return this.#empty.has(queue)
  }

  /** Those that the claim which is sent now need not ask. */
  toSkip(): string[] {
    this.#heard = new Set()
    this.#heardOfAny = false
    return [...this.#empty]
  }

  /** What the claim asked, and found empty. In what else it asked there was something, and may be more. */
  found(asked: readonly string[], empty: readonly string[]): void {
    for (const queue of asked) if (!empty.includes(queue)) this.#empty.delete(queue)
    if (this.#heardOfAny) return
    for (const queue of empty) if (!this.#heard.has(queue)) this.#empty.add(queue)
  }
}
