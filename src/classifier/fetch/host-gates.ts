import { createGate, type Gate } from "./guarded/gate.ts"

/** A gate for each host that is being fetched from, so that a slow one holds no more than its share of the fetches. */
export class HostGates {
  readonly #gates = new Map<string, { gate: Gate; users: number }>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  get hosts(): number {
    return this.#gates.size
  }

  /** Runs work when there is room at its host. @throws the signal's reason when it aborts before that; what the work throws */
  async through<T>(host: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const entry = this.#gates.get(host) ?? { gate: createGate(this.#max), users: 0 }
    this.#gates.set(host, entry)
    entry.users++
    try {
      const leave = await entry.gate.enter(signal)
      try {
        return await work()
      } finally {
        leave()
      }
    } finally {
      if (--entry.users === 0) this.#gates.delete(host)
    }
  }
}
