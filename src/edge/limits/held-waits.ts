import { PREFIX48_SHARE, prefix48Of } from "../../lib/callers/caller-id.ts"

/** Of one caller in this isolate. The client library holds a request for a second, and none of its tickets needs it. */
export const MAX_HELD_PER_CALLER = 100
const MAX_CALLERS = 10_000
/** For the time after the wait. */
const GRACE_MS = 5_000

/** How many requests are held while they wait for an answer, by caller: each costs looks at Redis as long as it is. */
export class HeldWaits {
  readonly #now: () => number
  /** By when each has surely ended: on Workers a request whose client is gone ends without a word. */
  readonly #untilMs = new Map<string, number[]>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** Does what waits up to `waitMs`, or 0 where too many of the caller's wait already: a preference need not be honoured (RFC 7240, 2). */
  async hold<T>(callerId: string, waitMs: number, wait: (waitMs: number) => Promise<T>): Promise<T> {
    const prefix48 = prefix48Of(callerId)
    const isFull =
      this.#countOf(callerId) >= MAX_HELD_PER_CALLER ||
      (prefix48 !== null && this.#countOf(prefix48) >= PREFIX48_SHARE * MAX_HELD_PER_CALLER)
    if (waitMs === 0 || isFull) return wait(0)
    if (this.#untilMs.size >= MAX_CALLERS) this.#removeEnded()
    if (this.#untilMs.size >= MAX_CALLERS) return wait(0)
    const untilMs = this.#now() + waitMs + GRACE_MS
    const ids = prefix48 === null ? [callerId] : [callerId, prefix48]
    for (const id of ids) this.#untilMs.set(id, [...(this.#untilMs.get(id) ?? []), untilMs])
    try {
      return await wait(waitMs)
    } finally {
      for (const id of ids) this.#remove(id, untilMs)
    }
  }

  #countOf(id: string): number {
    const held = (this.#untilMs.get(id) ?? []).filter((untilMs) => untilMs > this.#now())
    if (held.length > 0) this.#untilMs.set(id, held)
    return held.length
  }

  #remove(id: string, untilMs: number): void {
    const left = this.#untilMs.get(id) ?? []
    const mine = left.indexOf(untilMs)
    const others = left.filter((_until, i) => i !== mine)
    if (others.length === 0) this.#untilMs.delete(id)
    else this.#untilMs.set(id, others)
  }

  #removeEnded(): void {
    const nowMs = this.#now()
    for (const [id, untilMs] of this.#untilMs) if (untilMs.every((ms) => ms <= nowMs)) this.#untilMs.delete(id)
  }
}
