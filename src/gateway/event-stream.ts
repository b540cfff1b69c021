import type { Log } from "../lib/log.ts"
import type { RedisLink, Subscription } from "./redis/redis-link.ts"
import { RestError } from "./rest-error.ts"

export type EventStreams = {
  /** Subscribes and answers with the stream of what comes in. Throws RestError 429 when there are too many, 503 without Redis. */
  open(kind: Subscription["kind"], names: string[], client: StreamClient): Promise<ReadableStream<Uint8Array>>
  count(): number
}

export type StreamClient = {
  signal: AbortSignal
  /** Destroys the connection of a client that does not read; an orderly end would never reach it. */
  hangUp: () => void
}

export type EventStreamOptions = {
  maxStreams: number
  maxBufferedBytes: number
  pingIntervalMs: number
  /** Told how many are open. */
  onCount?: (open: number) => void
}

/** Server-sent events as Upstash writes them: `data: subscribe,<channel>,1`, then `data: message,<channel>,<payload>`. */
export function createEventStreams(redis: RedisLink, log: Log, options: EventStreamOptions): EventStreams {
  let open = 0
  const add = (streams: number) => {
    open += streams
    options.onCount?.(open)
  }

  return {
    count: () => open,
    async open(kind, names, client) {
      if (open >= options.maxStreams) throw new RestError(429, "ERR max number of subscriptions reached")
      add(1)
      const channel = createChannel(options, client.hangUp)
      channel.onEnd(() => add(-1))
      // Written before Redis confirms, so that no message precedes it; if Redis refuses, the stream is discarded.
      const verb = kind === "channels" ? "subscribe" : "psubscribe"
      for (const [index, name] of names.entries()) channel.write(`${verb},${name},${index + 1}`)
      try {
        const subscription = await redis.subscribe({
          kind,
          names,
          onMessage: ({ name, channel: from, payload }) => {
            const source = kind === "channels" ? `message,${from}` : `pmessage,${name},${from}`
            if (!channel.write(`${source},${payload.toString()}`)) log.warn("subscription.dropped", { reason: "slow" })
          },
          onEnd: () => channel.end(),
        })
        channel.onEnd(() => subscription.close())
      } catch (error) {
        channel.end()
        throw error
      }
      if (client.signal.aborted) channel.end()
      return channel.stream
    },
  }
}

type Channel = {
  stream: ReadableStream<Uint8Array>
  /** False when the reader was too far behind and was dropped. */
  write(data: string): boolean
  onEnd(action: () => void): void
  end(): void
}

/** One stream with a bounded buffer: a reader that falls behind is dropped, since nothing here may grow without end. */
function createChannel({ maxBufferedBytes, pingIntervalMs }: EventStreamOptions, hangUp: () => void): Channel {
  const encoder = new TextEncoder()
  const atEnd: (() => void)[] = []
  let ended = false
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const ping = setInterval(() => send(": ping\n\n"), pingIntervalMs)

  const stream = new ReadableStream<Uint8Array>(
    {
      start: (started) => {
        controller = started
      },
      cancel: () => void finish(),
    },
    { highWaterMark: maxBufferedBytes, size: (chunk) => chunk.length },
  )

  function finish(): boolean {
    if (ended) return false
    ended = true
    clearInterval(ping)
    for (const action of atEnd) action()
    return true
  }

  function send(text: string): boolean {
    if (ended || controller === undefined) return true
    if ((controller.desiredSize ?? 0) <= 0) {
      finish()
      controller.close()
      hangUp()
      return false
    }
    controller.enqueue(encoder.encode(text))
    return true
  }

  return {
    stream,
    // A payload with line breaks is several data lines of one event.
    write: (data) => send(`data: ${data.split(/\r\n|\r|\n/).join("\ndata: ")}\n\n`),
    onEnd(action) {
      if (ended) action()
      else atEnd.push(action)
    },
    end() {
      if (finish()) controller?.close()
    },
  }
}
