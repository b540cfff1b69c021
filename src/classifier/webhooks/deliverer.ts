import { setMaxListeners } from "node:events"
import type { Log } from "../../lib/log.ts"
import { newJobId } from "../../lib/queue/job-id.ts"
import { sleep } from "../../lib/sleep.ts"
import { receiverOf } from "../../lib/webhooks/delivery.ts"
import { DELIVERY_LEASE_MS, type Outbox, type Recorded, type Taken } from "../../lib/webhooks/outbox.ts"
import { DueLoop } from "../loops/due-loop.ts"
import { type Reachability, untilReached } from "../loops/until-reached.ts"
import type { Waker } from "../loops/waker.ts"
import { ReceiverCapacity } from "./receiver-capacity.ts"
import type { Sent } from "./send-webhook.ts"
import { retryDelayMs } from "./webhook-schedule.ts"

/** An idle look is billed as the script and one command in it: twelve an hour. */
const IDLE_LOOK_MS = 600_000
/** Without wake-ups, due events are found by looking. */
const BLIND_LOOK_MS = 10_000
const MAX_PER_TAKE = 16
/** How long running attempts may go on once the process shuts down. */
const SHUTDOWN_MS = 10_000

export type DelivererOptions = {
  outbox: Outbox
  /** One attempt. It may throw redis_unavailable before anything is sent, and is repeated then. */
  send: (taken: Taken, signal: AbortSignal) => Promise<Sent>
  now: () => number
  /** Whether wake-ups arrive now. */
  isListening: () => boolean
  reachability: Reachability
  log: Log
  count?: (outcome: Recorded["outcome"]) => void
  random?: () => number
  waker?: Pick<Waker, "wake" | "sleep">
  shutdownMs?: number
}

/**
 * Hands what is due in the outbox to its receivers. Any number of deliverers may run: what one has taken is leased to it, and
 * comes due again when it dies.
 */
export class Deliverer {
  readonly #options: DelivererOptions
  readonly #loop: DueLoop
  readonly #capacity = new ReceiverCapacity()
  readonly #running = new Set<Promise<void>>()
  readonly #giveUp = new AbortController()

  constructor(options: DelivererOptions) {
    this.#options = options
    this.#loop = new DueLoop({ ...options, idleMs: IDLE_LOOK_MS, blindMs: BLIND_LOOK_MS })
    // Every running attempt listens to it, at more than one place.
    setMaxListeners(0, this.#giveUp.signal)
  }

  /** Something may be due: look now. */
  look(): void {
    this.#loop.lookAt()
  }

  /** Delivers until the signal is aborted; then waits a while for running attempts, and gives the rest back. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#loop.run(
      () => this.#takeDue(signal),
      signal,
      () => this.#capacity.free > 0,
    )
    await Promise.race([
      Promise.all(this.#running),
      sleep(this.#options.shutdownMs ?? SHUTDOWN_MS, this.#giveUp.signal),
    ])
    this.#giveUp.abort(new DelivererShutdown())
    await Promise.all(this.#running)
  }

  async #takeDue(signal: AbortSignal): Promise<void> {
    const { outbox, now, reachability } = this.#options
    const token = newJobId(now())
    let capacity: Record<string, number> = {}
    const take = () => {
      capacity = this.#capacity.limited()
      return outbox.take({
        nowMs: now(),
        leaseMs: DELIVERY_LEASE_MS,
        token,
        max: Math.min(MAX_PER_TAKE, this.#capacity.free),
        perReceiver: this.#capacity.perReceiver,
        capacity,
      })
    }
    try {
      const { entries, nextDueMs } = await untilReached(take, { reachability, signal })
      for (const entry of entries) this.#start(entry)
      if (this.#canTakeMore(capacity, entries)) this.look()
      if (nextDueMs !== null) this.#loop.lookAt(nextDueMs)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** Whether a receiver got all that it had capacity for, and has capacity again: attempts ended while we asked. */
  #canTakeMore(asked: Readonly<Record<string, number>>, entries: readonly Taken[]): boolean {
    const countOf = (receiver: string) => entries.filter((taken) => taken.receiver === receiver).length
    const receivers = new Set([...Object.keys(asked), ...entries.map((taken) => taken.receiver)])
    return [...receivers].some((receiver) => {
      const isFull = countOf(receiver) >= (asked[receiver] ?? this.#capacity.perReceiver)
      return isFull && this.#capacity.freeFor(receiver) > 0
    })
  }

  #start(taken: Taken): void {
    const { receiver } = taken
    this.#capacity.acquire(receiver)
    const work = this.#deliver(taken).then((failed) => {
      const wasFull = this.#capacity.freeFor(receiver) === 0
      const wasAllFull = this.#capacity.free === 0
      this.#capacity.release(receiver, { failed })
      this.#running.delete(work)
      // Only who was kept out can be waiting.
      if (wasFull && this.#capacity.freeFor(receiver) > 0) this.look()
      if (wasAllFull) this.#loop.wake()
    })
    this.#running.add(work)
  }

  /** One attempt and its record. Never rejects; true when the receiver did not do its part. */
  async #deliver(taken: Taken): Promise<boolean> {
    const { outbox, now, reachability, log } = this.#options
    const { signal } = this.#giveUp
    const about = { jobId: taken.delivery.jobId, receiver: receiverOf(taken.delivery.url) }
    try {
      const sent = await this.#attempt(taken)
      const recorded = this.#whatFollows(taken, sent)
      const held = await untilReached(() => outbox.record(taken, recorded), { reachability, signal })
      if (recorded.outcome === "retry") this.#loop.lookAt(recorded.dueMs)
      this.#options.count?.(recorded.outcome)
      this.#report(taken, recorded, { ...about, traceId: sent.traceId, held })
      return sent.verdict === "failed"
    } catch (error) {
      if (signal.aborted) await outbox.release(taken, now()).catch(() => "its lease runs out by itself")
      // Its lease runs out, and it is tried again.
      else log.error("webhook.abandoned", { ...about, error })
      return true
    }
  }

  /** An attempt that breaks for a reason of ours counts as one, or it would be made every time that its lease runs out. */
  async #attempt(taken: Taken): Promise<Sent> {
    const { send, now, reachability, log } = this.#options
    const { signal } = this.#giveUp
    try {
      return await untilReached(() => send(taken, signal), { reachability, signal })
    } catch (error) {
      if (signal.aborted) throw error
      log.error("webhook.broken", { jobId: taken.delivery.jobId, error })
      const attempt = {
        atMs: now(),
        durationMs: 0,
        error: { code: "internal", message: "Something broke on our side" },
      }
      return { attempt, verdict: "failed", retryAfterMs: null }
    }
  }

  #whatFollows({ event }: Taken, { attempt, verdict, retryAfterMs }: Sent): Recorded {
    const nowMs = this.#options.now()
    if (verdict !== "failed") return { attempt, nowMs, outcome: verdict }
    const delayMs = retryDelayMs(event.tries + 1, retryAfterMs, this.#options.random)
    return delayMs === null
      ? { attempt, nowMs, outcome: "given_up" }
      : { attempt, nowMs, outcome: "retry", dueMs: nowMs + delayMs }
  }

  #report({ event }: Taken, recorded: Recorded, about: Record<string, unknown>): void {
    const { log } = this.#options
    const { status, durationMs, error } = recorded.attempt
    const fields = { ...about, attempt: event.tries + 1, status, durationMs }
    switch (recorded.outcome) {
      case "delivered":
        log.info("webhook.delivered", fields)
        break
      case "retry":
        log.info("webhook.failed", { ...fields, code: error?.code, retryMs: recorded.dueMs - recorded.nowMs })
        break
      case "gone":
      case "given_up":
        log.warn("webhook.undelivered", { ...fields, code: error?.code, state: recorded.outcome })
        break
      default:
        recorded satisfies never
    }
  }
}

/** The process shuts down, and an attempt did not end in time. */
class DelivererShutdown extends Error {
  override readonly name = "DelivererShutdown"
}
