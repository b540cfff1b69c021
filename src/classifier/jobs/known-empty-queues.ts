/**
 * Which queues were found empty, and nothing was heard of since: they need not be asked. Without wake-ups nothing is heard, so
 * this is for who listens; and since one can be lost, all of them are asked now and then.
 */
export class DryQueues {
  readonly #dry = new Set<string>()
  /** What was heard while a claim was under way: its answer may be older. */
  #heard = new Set<string>()
  #heardOfAny = false

  /** Something may have come into a queue, or into any. */
  hear(queue?: string): void {
    if (queue === undefined) {
      this.#dry.clear()
      this.#heardOfAny = true
    } else {
      this.#dry.delete(queue)
      this.#heard.add(queue)
    }
  }

  isDry(queue: string): boolean {
    return this.#dry.has(queue)
  }

  /** Those that the claim which is sent now need not ask. */
  toSkip(): string[] {
    this.#heard = new Set()
    this.#heardOfAny = false
    return [...this.#dry]
  }

  /** What the claim asked, and found empty. In what else it asked there was something, and may be more. */
  found(asked: readonly string[], dry: readonly string[]): void {
    for (const queue of asked) if (!dry.includes(queue)) this.#dry.delete(queue)
    if (this.#heardOfAny) return
    for (const queue of dry) if (!this.#heard.has(queue)) this.#dry.add(queue)
  }
}
