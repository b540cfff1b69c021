import { sleep } from "../../lib/sleep.ts"

/** Lets one loop sleep until it is woken. A wake-up that arrives while it is awake counts for its next sleep. */
export class Waker {
  #isWoken = false
  #wake: () => void = () => undefined

  wake(): void {
    this.#isWoken = true
    this.#wake()
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isWoken) {
      const woken = new AbortController()
      this.#wake = () => woken.abort()
      await sleep(ms, AbortSignal.any([signal, woken.signal]))
    }
    this.#isWoken = false
  }
}
