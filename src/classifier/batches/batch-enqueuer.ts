import { AppError } from "../../lib/app-error.ts"
import { type Batch, doneOf } from "../../lib/batches/batch.ts"
import { type BatchStore, type LeasedBatch, MAX_ENQUEUED_AT_ONCE } from "../../lib/batches/batch-store.ts"
import type { Log } from "../../lib/log.ts"
import type { JobError } from "../../lib/queue/job.ts"
import { newJobId } from "../../lib/queue/job-id.ts"
import { DueLoop } from "../loops/due-loop.ts"
import { type Reachability, untilReached } from "../loops/until-reached.ts"
import { ListReader } from "./list-reader.ts"

/** As long as a batch waits whose wake-up was lost. An idle look is billed as the script and one command in it: 12 an hour. */
const IDLE_LOOK_MS = 600_000
/** Without wake-ups, batches are found by looking. */
const BLIND_LOOK_MS = 5_000
const MAX_LEASED = 4
/** A list that is gone, or that no secret opens, is not there later either. */
const LOST: ReadonlySet<string> = new Set(["list_expired", "payload_unreadable"])

export type BatchEnqueuerOptions = {
  store: Pick<BatchStore, "lease" | "enqueueNext" | "end" | "getChunk">
  now: () => number
  /** Whether wake-ups arrive now. */
  isListening: () => boolean
  reachability: Reachability
  log: Log
}

/**
 * Keeps batches going: enqueues their next pictures as those before them are done. Any number of classifiers may do so; a
 * batch is leased to one of them at a time, and another repeats under the same ids what one has begun and lost.
 */
export class BatchEnqueuer {
  readonly #options: BatchEnqueuerOptions
  readonly #loop: DueLoop
  readonly #lists: ListReader

  constructor(options: BatchEnqueuerOptions) {
    this.#options = options
    this.#lists = new ListReader(options.store)
    this.#loop = new DueLoop({ ...options, idleMs: IDLE_LOOK_MS, blindMs: BLIND_LOOK_MS })
  }

  /** Some batch may have room: look now. */
  look(): void {
    this.#loop.lookAt()
  }

  /** Enqueues until the signal is aborted. A batch that was leased then comes due again by itself. */
  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(() => this.#enqueueDue(signal), signal)
  }

  async #enqueueDue(signal: AbortSignal): Promise<void> {
    const { store, now, reachability } = this.#options
    const token = newJobId(now())
    const within = { reachability, signal }
    try {
      const lease = (attempt: number) => store.lease({ nowMs: now(), token, max: MAX_LEASED, again: attempt > 0 })
      const { leased, unreadable, nextDueMs } = await untilReached(lease, within)
      for (const { id, error } of unreadable) this.#options.log.error("batch.unreadable", { batchId: id, error })
      if (nextDueMs !== null) this.#loop.lookAt(nextDueMs)
      await Promise.all(leased.map((batch) => this.#enqueueNext(batch, signal)))
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** A batch that cannot go on must not hold up the others. */
  async #enqueueNext(leased: LeasedBatch, signal: AbortSignal): Promise<void> {
    const { log } = this.#options
    const { batch, deadlineMs } = leased
    const about = { batchId: batch.plan.id }
    try {
      const { ended, finishedMs } = batch.progress
      if (finishedMs !== undefined) return
      if (ended !== undefined || this.#options.now() >= deadlineMs)
        await this.#end(batch, ended ?? "expired", signal, batch.progress.error)
      else await this.#enqueue(leased, signal)
    } catch (error) {
      if (signal.aborted) throw error
      if (error instanceof AppError && LOST.has(error.code)) {
        const why = { code: error.code, message: error.message }
        // Canceled after it was leased, its list is gone because it is not needed.
        if (await this.#end(batch, "expired", signal, why)) log.error("batch.list_lost", { ...about, error })
      } else {
        // Its lease runs out, and it is tried again.
        log.error("batch.stalled", { ...about, error })
        this.#loop.lookAt(this.#options.now() + BLIND_LOOK_MS)
      }
    }
  }

  async #enqueue(leased: LeasedBatch, signal: AbortSignal): Promise<void> {
    const { store, now, reachability, log } = this.#options
    const { plan, progress } = leased.batch
    const within = { reachability, signal }
    let room = plan.size - (progress.cursor - doneOf(progress))
    for (let cursor = progress.cursor; ; ) {
      const count = Math.max(1, Math.min(MAX_ENQUEUED_AT_ONCE, room))
      const pictures = await untilReached(() => this.#lists.read(plan, cursor, count), within)
      const enqueued = await untilReached(() => store.enqueueNext(leased, { cursor, pictures, nowMs: now() }), within)
      if (enqueued.cursor > cursor) {
        log.debug("batch.enqueued", { batchId: plan.id, from: cursor, to: enqueued.cursor })
        room -= enqueued.cursor - cursor
      }
      if (enqueued.dueMs !== null) this.#loop.lookAt(enqueued.dueMs)
      if (enqueued.status !== "more") return
      cursor = enqueued.cursor
      if (room <= 0) room = MAX_ENQUEUED_AT_ONCE
    }
  }

  /** Whether it ended in this way: it may have ended in another one meanwhile. */
  async #end({ plan }: Batch, how: "canceled" | "expired", signal: AbortSignal, why?: JobError): Promise<boolean> {
    const { store, now, reachability, log } = this.#options
    const within = { reachability, signal }
    for (;;) {
      const { status, inFlight } = await untilReached(() => store.end(plan.id, how, now(), why), within)
      if (status !== "ended") return false
      if (inFlight === 0) break
    }
    log.info("batch.ended", { batchId: plan.id, how })
    return true
  }
}
