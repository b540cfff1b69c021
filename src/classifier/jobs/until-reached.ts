import { AppError } from "../../lib/app-error.ts"
import { fullJitterMs } from "../../lib/backoff.ts"
import type { Log } from "../../lib/log.ts"
import { sleep } from "../../lib/sleep.ts"

/** Whether Redis answered the last call; a change is logged once, however many callers find out. */
export class Reachability {
  readonly #log: Log
  #isUp = true

  constructor(log: Log) {
    this.#log = log
  }

  get isUp(): boolean {
    return this.#isUp
  }

  report(isUp: boolean, error?: unknown): void {
    if (isUp === this.#isUp) return
    this.#isUp = isUp
    if (isUp) this.#log.info("redis.back")
    else this.#log.warn("redis.unreachable", { error })
  }
}

/**
 * Repeats a call until Redis answers it. What is called must be safe to repeat; it is told which try it is.
 * @throws what is no matter of reaching Redis, and the last failure once the signal is aborted
 */
export async function untilReached<T>(
  call: (attempt: number) => Promise<T>,
  { reachability, signal }: { reachability: Reachability; signal: AbortSignal },
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await call(attempt)
      reachability.report(true)
      return answer
    } catch (error) {
      const isOutage = error instanceof AppError && error.code === "redis_unavailable"
      if (isOutage) reachability.report(false, error)
      if (!isOutage || signal.aborted) throw error
      await sleep(50 + fullJitterMs(attempt, { baseMs: 100, capMs: 5_000 }), signal)
    }
  }
}
