/** Lets one loop sleep until it is woken. A wake-up that arrives while it is awake counts for its next sleep. */
export class Waker {
  #isWoken = false
  #wake: () => void = () => undefined

  wake(): void {
    this.#isWoken = true
    this.#wake()
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isWoken && !signal.aborted) {
      // Once or twice a job: a signal of its own, to be aborted, would cost an error each.
      await new Promise<void>((resolve) => {
        const end = () => {
          clearTimeout(timer)
          signal.removeEventListener("abort", end)
          resolve()
        }
        const timer = setTimeout(end, ms)
        signal.addEventListener("abort", end)
        this.#wake = end
      })
    }
    this.#isWoken = false
  }
}
