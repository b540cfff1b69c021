import type { Log } from "../../lib/log.ts"
import { listenForWakeUps } from "../../lib/queue/wake-up.ts"
import type { RedisRest } from "../../lib/redis/redis.ts"
import type { Waker } from "../loops/waker.ts"
import type { ActiveJobs } from "./active-jobs.ts"
import { KnownEmptyQueues } from "./known-empty-queues.ts"

export type QueueListener = {
  knownEmpty: KnownEmptyQueues
  isListening: () => boolean
  ended: Promise<void>
}

/** Hears what is published: a job came, one that may be active here was canceled, or a webhook wants to be sent. */
export function listenToQueue(options: {
  redis: RedisRest
  channel: string
  active: ActiveJobs
  /** Woken when something may have come into a queue. */
  waker: Waker
  /** Something came into the outbox. */
  onOutbox: () => void
  /** A batch may have room. */
  onBatches: () => void
  signal: AbortSignal
  log: Log
}): QueueListener {
  const { waker } = options
  const knownEmpty = new KnownEmptyQueues()
  let isListening = false
  const setListening = (value: boolean) => () => {
    isListening = value
    knownEmpty.hear()
    waker.wake()
    options.onOutbox()
    options.onBatches()
  }
  const ended = listenForWakeUps({
    ...options,
    onMessage: (message) => {
      const [, kind, name] = message.match(/^(\w+):(.+)$/) ?? []
      if (message === "outbox") return options.onOutbox()
      if (message === "batches") return options.onBatches()
      if (kind === "canceled" && name !== undefined) return options.active.stop(name, "the ticket was canceled")
      // Without a name it may be any queue.
      knownEmpty.hear(kind === "queued" ? name : undefined)
      waker.wake()
    },
    onConnected: setListening(true),
    onDisconnected: setListening(false),
  })
  return { knownEmpty, isListening: () => isListening, ended }
}
