import { fullJitterMs } from "../../lib/backoff.ts"
import type { Log } from "../../lib/log.ts"
import { decodeWakeUp, type WakeUp } from "../../lib/queue/wake-up-message.ts"
import type { RedisRest } from "../../lib/redis/redis.ts"
import { sleep } from "../../lib/sleep.ts"

/** A server that pings does so every 15 s. Once it is known to, silence means that the connection is dead. */
const SILENCE_MS = 50_000
/** Without pings a dead stream cannot be noticed, so another one is opened. */
const SILENCE_WITHOUT_PINGS_MS = 300_000

export type WakeUpOptions = {
  redis: RedisRest
  channel: string
  onMessage: (message: WakeUp) => void
  /** Messages can have been missed since the last one: look for yourself. */
  onConnected: () => void
  onDisconnected: () => void
  signal: AbortSignal
  log: Log
}

/** Listens to a channel until the signal is aborted, and connects again whenever the stream ends. Never throws. */
export async function listenForWakeUps(options: WakeUpOptions): Promise<void> {
  const { redis, channel, signal, log } = options
  const server = { pings: false }
  for (let attempt = 0; !signal.aborted; attempt++) {
    const connection = new AbortController()
    const stop = () => connection.abort()
    signal.addEventListener("abort", stop)
    try {
      const stream = await redis.subscribe(channel, connection.signal)
      for await (const line of readLines(stream, server, stop)) {
        const kind = line.match(/^data: ?(subscribe|message),[^,]*,(.*)$/)
        if (kind?.[1] === "subscribe") {
          attempt = 0
          log.debug("wakeup.connected", { channel })
          options.onConnected()
        }
        if (kind?.[1] === "message") options.onMessage(decodeWakeUp(kind[2] ?? ""))
      }
    } catch (error) {
      // A stream that breaks is expected: polling goes on without it.
      if (!signal.aborted) log.warn("wakeup.lost", { channel, error })
    } finally {
      signal.removeEventListener("abort", stop)
      stop()
    }
    options.onDisconnected()
    await sleep(fullJitterMs(attempt, { baseMs: 500, capMs: 15_000 }), signal)
  }
}

async function* readLines(stream: ReadableStream<Uint8Array>, server: { pings: boolean }, onSilence: () => void) {
  const reader = stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  let rest = ""
  let silence: ReturnType<typeof setTimeout> | undefined
  const listen = () => {
    clearTimeout(silence)
    silence = setTimeout(onSilence, server.pings ? SILENCE_MS : SILENCE_WITHOUT_PINGS_MS)
  }
  try {
    listen()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = (rest + value).split(/\r?\n/)
      rest = (lines.pop() ?? "").slice(0, 65_536)
      server.pings ||= lines.some((line) => line.startsWith(":"))
      listen()
      yield* lines
    }
  } finally {
    clearTimeout(silence)
    await reader.cancel().catch(() => undefined) // it is over either way
  }
}
