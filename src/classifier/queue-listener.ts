import type { Log } from "../lib/log.ts"
import type { RedisRest } from "../lib/redis.ts"
import { listenForWakeUps } from "../lib/wake-up.ts"
import type { Hand } from "./hand.ts"
import { Waker } from "./waker.ts"

export type QueueListener = {
  /** Woken when something may have come into the queue. */
  waker: Waker
  isListening: () => boolean
  ended: Promise<void>
}

/** Hears what is published: a job came, one that may be in our hand was canceled, or a webhook wants to be sent. */
export function listenToQueue(options: {
  redis: RedisRest
  channel: string
  hand: Hand
  /** Something came into the outbox. */
  onOutbox: () => void
  signal: AbortSignal
  log: Log
}): QueueListener {
  const waker = new Waker()
  let isListening = false
  const setListening = (value: boolean) => () => {
    isListening = value
    waker.wake()
    options.onOutbox()
  }
  const ended = listenForWakeUps({
    ...options,
    onMessage: (message) => {
      const canceled = message.match(/^canceled:(.+)$/)?.[1]
      if (message === "outbox") options.onOutbox()
      else if (canceled === undefined) waker.wake()
      else options.hand.stop(canceled, "the ticket was canceled")
    },
    onConnected: setListening(true),
    onDisconnected: setListening(false),
  })
  return { waker, isListening: () => isListening, ended }
}
