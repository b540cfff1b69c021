import { type Requester, Redis as Sdk } from "@upstash/redis/cloudflare"
import { type ChannelListener, createRedis, MAX_VALUE_BYTES, type Redis, transferMs } from "../lib/redis/redis.ts"
import { openClient, TcpConnection } from "./tcp-connection.ts"

export type TcpOptions = {
  /** redis:// or rediss:// */
  url: string
  /** How long one command may take. */
  timeoutMs?: number
}

/** Nothing is published for hours on an idle queue: pings tell that the connection lives. */
const SILENCE_LIMIT_MS = 50_000

/** Redis by TCP. Commands that are ready together share a round trip; bytes have a connection of their own, so none waits behind them. */
export function connectTcp({ url, timeoutMs = 1_500 }: TcpOptions): Redis & { close(): void } {
  const commands = new TcpConnection(url)
  const bytes = new TcpConnection(url)
  const sdk = new TcpSdk(async ({ body }) => {
    const result = await commands.send((body as unknown[]).map(String), { timeoutMs })
    return { result: result as never }
  })
  const redis = createRedis({
    sdk,
    async setBytes(key, value, ttlMs) {
      const view = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      await bytes.send(["SET", key, view, "PX", String(ttlMs)], { timeoutMs: timeoutMs + transferMs(value.length) })
    },

    async getBytes(key) {
      const options = { timeoutMs: timeoutMs + transferMs(MAX_VALUE_BYTES), asBytes: true }
      return toOwnBytes((await bytes.send(["GET", key], options)) as Buffer<ArrayBuffer> | null)
    },

    subscribe: (channel, listener, signal) => subscribe(url, { channel, listener, signal }),
  })
  return {
    ...redis,
    close() {
      commands.close()
      bytes.close()
    },
  }
}

/** What came in several pieces has a buffer to itself; what came in one lies in what the socket had read. */
function toOwnBytes(bytes: Buffer<ArrayBuffer> | null): Uint8Array<ArrayBuffer> | null {
  if (bytes === null) return null
  return bytes.byteLength === bytes.buffer.byteLength ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes)
}

type Subscription = { channel: string; listener: ChannelListener; signal: AbortSignal }

async function subscribe(url: string, { channel, listener, signal }: Subscription): Promise<void> {
  signal.throwIfAborted()
  const client = openClient(url, { silenceLimitMs: SILENCE_LIMIT_MS })
  let stop: (() => void) | undefined
  const ended = new Promise<never>((_resolve, reject) => {
    client.on("error", reject)
    client.on("end", () => reject(new Error("The connection has ended")))
    stop = () => reject(signal.reason)
    signal.addEventListener("abort", stop)
  })
  const listening = async (): Promise<never> => {
    await client.connect()
    // Aborted meanwhile: that does not end what is still connecting.
    if (signal.aborted) client.destroy()
    signal.throwIfAborted()
    await client.subscribe(channel, listener.onMessage)
    listener.onSubscribed()
    return ended
  }
  try {
    await Promise.race([listening(), ended])
  } finally {
    if (stop) signal.removeEventListener("abort", stop)
    client.destroy()
  }
}

/** The SDK's commands, sent by something else than HTTP: both adapters have the same commands, arguments and replies. */
class TcpSdk extends Sdk {
  constructor(request: (...args: Parameters<Requester["request"]>) => Promise<{ result: never }>) {
    super({
      url: "http://unused",
      token: "unused",
      enableAutoPipelining: false,
      automaticDeserialization: false,
      enableTelemetry: false,
    })
    this.client = { request }
  }
}
