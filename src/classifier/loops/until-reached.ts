import { type AppError, isOutage } from "../../lib/app-error.ts"
import { fullJitterMs } from "../../lib/backoff.ts"
import type { Log } from "../../lib/log.ts"
import { sleep } from "../../lib/sleep.ts"

/** Whether Redis answered the last call; a change is logged once, however many callers find out. */
export class Reachability {
  readonly #log: Log
  #failure: AppError | null = null
  #answeredMs = Number.NEGATIVE_INFINITY
  #hasRoom = true

  constructor(log: Log) {
    this.#log = log
  }

  /** Why the last call failed; null when it was answered. */
  get failure(): AppError | null {
    return this.#failure
  }

  /** When a call was last answered, by the monotonic clock. */
  get answeredMs(): number {
    return this.#answeredMs
  }

  /** Whether the last call that needs room found some. A Redis that is full can be reached. */
  reportRoom(hasRoom: boolean, error?: unknown): void {
    if (hasRoom === this.#hasRoom) return
    this.#hasRoom = hasRoom
    if (hasRoom) this.#log.info("redis.has_room")
    else this.#log.warn("redis.full", { error })
  }

  report(error: AppError | null): void {
    const before = this.#failure
    this.#failure = error
    if (error === null) this.#answeredMs = performance.now()
    if (error?.code === before?.code) return
    if (error === null) this.#log.info("redis.back")
    else this.#log.warn(error.code === "redis_unauthorized" ? "redis.unauthorized" : "redis.unreachable", { error })
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
  let wasFull = false
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await call(attempt)
      reachability.report(null)
      if (wasFull) reachability.reportRoom(true)
      return answer
    } catch (error) {
      if (!isOutage(error) || signal.aborted) throw error
      if (error.code === "redis_full") {
        reachability.report(null)
        reachability.reportRoom(false, error)
        wasFull = true
      } else reachability.report(error)
      await sleep(50 + fullJitterMs(attempt, { baseMs: 100, capMs: 5_000 }), signal)
    }
  }
}
