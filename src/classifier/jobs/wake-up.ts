import { fullJitterMs } from "../../lib/backoff.ts"
import type { Log } from "../../lib/log.ts"
import { decodeWakeUp, type WakeUp } from "../../lib/queue/wake-up-message.ts"
import type { Redis } from "../../lib/redis/redis.ts"
import { sleep } from "../../lib/sleep.ts"

export type WakeUpOptions = {
  redis: Redis
  channel: string
  onMessage: (message: WakeUp) => void
  /** Messages can have been missed since the last one: look for yourself. */
  onConnected: () => void
  onDisconnected: () => void
  signal: AbortSignal
  log: Log
}

/** Listens to a channel until the signal is aborted, and subscribes again whenever the connection ends. Never throws. */
export async function listenForWakeUps(options: WakeUpOptions): Promise<void> {
  const { redis, channel, signal, log } = options
  let attempt = 0
  const listener = {
    onSubscribed() {
      attempt = 0
      log.debug("wakeup.connected", { channel })
      options.onConnected()
    },
    onMessage: (message: string) => options.onMessage(decodeWakeUp(message)),
  }
  for (; !signal.aborted; attempt++) {
    try {
      await redis.subscribe(channel, listener, signal)
    } catch (error) {
      // A connection that breaks is expected: polling goes on without it.
      if (!signal.aborted) log.warn("wakeup.lost", { channel, error })
    }
    options.onDisconnected()
    await sleep(fullJitterMs(attempt, { baseMs: 500, capMs: 15_000 }), signal)
  }
}
