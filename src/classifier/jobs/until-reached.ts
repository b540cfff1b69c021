import { isOutage } from "../../lib/app-error.ts"
import { fullJitterMs } from "../../lib/backoff.ts"
import type { Log } from "../../lib/log.ts"
import { sleep } from "../../lib/sleep.ts"

/** Whether Redis answered the last call; a change is logged once, however many callers find out. */
export class Reachability {
  readonly #log: Log
  #isUp = true
  #hasRoom = true

  constructor(log: Log) {
    this.#log = log
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Whether the last call that needs room found some. A Redis that is full can be reached. */
  reportRoom(hasRoom: boolean, error?: unknown): void {
    if (hasRoom === this.#hasRoom) return
    this.#hasRoom = hasRoom
    if (hasRoom) this.#log.info("redis.has_room")
    else this.#log.warn("redis.full", { error })
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
  let wasFull = false
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await call(attempt)
      reachability.report(true)
      if (wasFull) reachability.reportRoom(true)
      return answer
    } catch (error) {
      if (!isOutage(error) || signal.aborted) throw error
      if (error.code === "redis_full") {
        reachability.report(true)
        reachability.reportRoom(false, error)
        wasFull = true
      } else reachability.report(false, error)
      await sleep(50 + fullJitterMs(attempt, { baseMs: 100, capMs: 5_000 }), signal)
    }
  }
}
