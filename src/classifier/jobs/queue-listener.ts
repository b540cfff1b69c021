import type { Log } from "../../lib/log.ts"
import type { WakeUp } from "../../lib/queue/wake-up-message.ts"
import type { Redis } from "../../lib/redis/redis.ts"
import type { Waker } from "../loops/waker.ts"
import type { ActiveJobs } from "./active-jobs.ts"
import { KnownEmptyQueues } from "./known-empty-queues.ts"
import { listenForWakeUps } from "./wake-up.ts"

export type QueueListenerOptions = {
  redis: Redis
  channel: string
  active: Pick<ActiveJobs, "stop">
  /** Woken when something may have come into a queue. */
  waker: Pick<Waker, "wake">
  /** Something came into the outbox. */
  onOutbox: () => void
  /** A batch may have room. */
  onBatches: () => void
  log: Log
}

/** Hears what is published: a job came, one that may be active here was canceled, or a webhook wants to be sent. */
export class QueueListener {
  readonly knownEmpty = new KnownEmptyQueues()
  readonly #options: QueueListenerOptions
  #isListening = false

  constructor(options: QueueListenerOptions) {
    this.#options = options
  }

  /** Whether wake-ups arrive now. */
  isListening = (): boolean => this.#isListening

  /** Listens until the signal is aborted. */
  run(signal: AbortSignal): Promise<void> {
    return listenForWakeUps({
      ...this.#options,
      signal,
      onMessage: (message) => this.#onMessage(message),
      onConnected: () => this.#setListening(true),
      onDisconnected: () => this.#setListening(false),
    })
  }

  #setListening(isListening: boolean): void {
    this.#isListening = isListening
    this.knownEmpty.hear()
    this.#options.waker.wake()
    this.#options.onOutbox()
    this.#options.onBatches()
  }

  #onMessage(message: WakeUp): void {
    const { active, waker, onOutbox, onBatches } = this.#options
    if (message.kind === "outbox") onOutbox()
    else if (message.kind === "batches") onBatches()
    else if (message.kind === "canceled") active.stop(message.jobId, "canceled")
    else {
      this.knownEmpty.hear(message.queue)
      waker.wake()
    }
  }
}
