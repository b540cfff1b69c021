import { sleep } from "../../lib/sleep.ts"

/** Does a task, after a pause each time, until the signal is aborted. What it throws before that goes to `onError`. */
export async function every(
  ms: number,
  task: () => Promise<unknown>,
  { signal, onError }: { signal: AbortSignal; onError: (error: unknown) => void },
): Promise<void> {
  for (;;) {
    await sleep(ms, signal)
    if (signal.aborted) return
    try {
      await task()
    } catch (error) {
      if (signal.aborted) return
      onError(error)
    }
  }
}
